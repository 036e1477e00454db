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
        "native/base/black_box.cc",
        "native/base/hidden_memory.cc",
        "native/base/kernel_memory.cc",
        "native/base/process_memory.cc",
        "native/books/ledger.cc",
        "native/books/pacer.cc",
        "native/books/process_pacer.cc",
        "native/env/background.cc",
        "native/env/batches.cc",
        "native/env/async_contexts.cc",
        "native/env/collector.cc",
        "native/env/destructor.cc",
        "native/env/environment.cc",
        "native/env/kept_values.cc",
        "native/env/nursery.cc",
        "native/env/outside.cc",
        "native/env/process_watch.cc",
        "native/env/teardown.cc",
        "native/env/transit.cc",
        "native/env/views.cc",
        "native/meters/audit.cc",
        "native/meters/block_table.cc",
        "native/meters/call_stubs.cc",
        "native/meters/call_threads.cc",
        "native/meters/checked_blocks.cc",
        "native/meters/counted_blocks.cc",
        "native/meters/crash_note.cc",
        "native/meters/elf_module.cc",
        "native/meters/heap_hooks.cc",
        "native/meters/held_pointers.cc",
        "native/meters/import_hooks.cc",
        "native/meters/import_slots.cc",
        "native/meters/meter.cc",
        "native/meters/meter_functions.cc",
        "native/meters/owned_blocks.cc",
        "native/meters/own_functions.cc",
        "native/meters/pe_module.cc",
        "native/meters/process_modules.cc",
        "native/meters/process_modules_elf.cc",
        "native/meters/process_modules_pe.cc",
        "native/meters/quarantine.cc",
        "native/meters/samples.cc",
        "native/napi/entry_points.cc",
        "native/napi/entry_points_audit.cc",
        "native/napi/entry_points_figures.cc",
        "native/napi/entry_points_outside.cc",
        "native/napi/entry_points_profile.cc",
        "native/napi/entry_points_slots.cc",
        "native/napi/entry_points_transit.cc",
        "native/napi/entry_points_views.cc",
        "native/napi/protocol.cc",
      ],
      "include_dirs": ["native", "<!(node -p \"require('./scripts/build.js').headers()\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS",
                  # A worker being terminated refuses exceptions; failing to throw one is no reason to abort.
                  "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "<@(warnings)", "-fvisibility=hidden", "-O2",
                    # Of ARM: who passes standard types otherwise than GCC 7 is none of ours.
                    "-Wno-psabi"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "ldflags": ["-Wl,--exclude-libs,ALL"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "GCC_OPTIMIZATION_LEVEL": "2",
        # There gyp knows no cflags_cc.
        "OTHER_CPLUSPLUSFLAGS": ["-Wall", "-Wextra", "-Wpedantic", "<@(warnings)"],
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
      },
      "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/std:c++17"]}},
      "conditions": [
        [
          "has_libffi==1",
          {
            # Windows would look for a DLL otherwise; elsewhere it means nothing.
            "defines": ["TALLY_HAS_LIBFFI=1", "FFI_STATIC_BUILD"],
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
            "defines": ["TALLY_PREBUILT=1"],
            "cflags_cc": ["-ffunction-sections", "-fdata-sections"],
            "xcode_settings": {
              "DEAD_CODE_STRIPPING": "YES",
              "DEPLOYMENT_POSTPROCESSING": "YES",
              "STRIP_INSTALLED_PRODUCT": "YES",
              "STRIP_STYLE": "non-global",
              "STRIPFLAGS": "-S",
              # Those of native/exports.map, as C calls them here. What is linked into it is not hidden otherwise.
              "OTHER_LDFLAGS": ["-Wl,-exported_symbol,_napi_register_module_v1",
                                "-Wl,-exported_symbol,_node_api_module_get_api_version_v1"],
            },
          },
        ],
        [
          "prebuilt==1 and OS=='linux'",
          {
            "ldflags": [
              "-Wl,--gc-sections", "-Wl,-s", "-Wl,-z,noseparate-code",
              "-Wl,--version-script=../native/exports.map",
            ],
          },
        ],
        ["OS=='linux'", {"libraries": ["-ldl"]}],
        # Compilers for ARMv6, as that of Raspberry Pi OS, call a library for what 64 bits take.
        ["OS=='linux' and target_arch=='arm'", {"libraries": ["-Wl,--as-needed", "-latomic"]}],
      ],
    }
  ],
}
