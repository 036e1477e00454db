{
  "variables": {
    # Nobody's installation should fail because a new compiler has a new warning.
    "warnings": ["<!(node -p \"process.env.CI ? '-Werror' : '-Wno-error'\")"],
    "has_libffi%": "<!(pkg-config --exists libffi && echo 1 || echo 0)",
  },
  "targets": [
    {
      "target_name": "ffi_tally",
      "sources": [
        "native/addon.cc",
        "native/collector.cc",
        "native/destructor.cc",
        "native/entry_points.cc",
        "native/entry_points_figures.cc",
        "native/environment.cc",
        "native/ledger.cc",
        "native/nursery.cc",
        "native/pacer.cc",
        "native/process_memory.cc",
        "native/teardown.cc",
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS",
                  # A worker being terminated refuses exceptions; failing to throw one is no reason to abort.
                  "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "<@(warnings)", "-fvisibility=hidden", "-O2"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "ldflags": ["-Wl,--exclude-libs,ALL"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
      },
      "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/std:c++17"]}},
      "conditions": [
        [
          "has_libffi==1",
          {
            "defines": ["TALLY_HAS_LIBFFI=1"],
            "cflags_cc": ["<!@(pkg-config --cflags libffi)"],
            "libraries": ["<!@(pkg-config --libs libffi)"],
          },
        ],
        ["OS=='linux'", {"libraries": ["-ldl"]}],
      ],
    }
  ],
}
