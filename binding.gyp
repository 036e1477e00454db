{
  "variables": {
    # Nobody's installation should fail because a new compiler has a new warning.
    "warnings": ["<!(node -p \"process.env.CI ? '-Werror' : '-Wno-error'\")"],
    "has_libffi%": "<!(node scripts/libffi.js found)",
    # Set by scripts/prebuild.js: for machines other than this one, so libffi goes in and nothing else shows.
    "prebuilt%": 0,
  },
  "targets": [
    {
      "target_name": "ffi_tally",
      "sources": [
        "native/addon.cc",
        "native/base/function_address.cc",
        "native/base/process_memory.cc",
        "native/books/ledger.cc",
        "native/books/pacer.cc",
        "native/env/batches.cc",
        "native/env/async_contexts.cc",
        "native/env/collector.cc",
        "native/env/destructor.cc",
        "native/env/environment.cc",
        "native/env/kept_values.cc",
        "native/env/nursery.cc",
        "native/env/outside.cc",
        "native/env/teardown.cc",
        "native/env/transit.cc",
        "native/env/views.cc",
        "native/meters/checked_blocks.cc",
        "native/meters/meter.cc",
        "native/meters/meter_functions.cc",
        "native/napi/entry_points.cc",
        "native/napi/entry_points_figures.cc",
        "native/napi/entry_points_outside.cc",
        "native/napi/entry_points_transit.cc",
        "native/napi/entry_points_views.cc",
        "native/napi/protocol.cc",
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
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
            "include_dirs": ["<!@(node scripts/libffi.js include)"],
            "conditions": [
              ["prebuilt==1", {"libraries": ["<!@(node scripts/libffi.js static)"]}],
              ["prebuilt==0", {"libraries": ["<!@(node scripts/libffi.js libs)"]}],
            ],
          },
        ],
        [
          "prebuilt==1",
          {
            "defines": ["TALLY_PREBUILT=1", "FFI_STATIC_BUILD"],
            "cflags_cc": ["-ffunction-sections", "-fdata-sections"],
            "xcode_settings": {"DEAD_CODE_STRIPPING": "YES", "STRIP_INSTALLED_PRODUCT": "YES"},
          },
        ],
        [
          "prebuilt==1 and OS=='linux'",
          {"ldflags": ["-Wl,--gc-sections", "-Wl,-s", "-Wl,--version-script=../native/exports.map"]},
        ],
        ["OS=='linux'", {"libraries": ["-ldl"]}],
      ],
    }
  ],
}
