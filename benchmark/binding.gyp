{
  'target_defaults': {
    'cflags_c': ['-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-O2'],
    'xcode_settings': {'GCC_C_LANGUAGE_STANDARD': 'c11'},
  },
  'targets': [
    {
      # The allocator that every peer allocates from, an ordinary shared library.
      'target_name': 'blocks',
      'type': 'shared_library',
      'win_delay_load_hook': 'false',
      'sources': ['native/blocks.c'],
      'conditions': [['OS!="win"', {'sources': ['native/churn.c'], 'libraries': ['-lpthread']}]],
    },
    {
      'target_name': 'addon',
      'defines': ['NAPI_VERSION=8'],
      'sources': ['native/addon.c'],
    },
    {
      # The same source: with the experimental Node-API its finalizers run inside the garbage collection.
      'target_name': 'addon_basic',
      'defines': [
        'NAPI_EXPERIMENTAL',
        'NODE_API_EXPERIMENTAL_NO_WARNING',
        # Only changes how env is spelled, as headers of different age do.
        'NODE_API_EXPERIMENTAL_BASIC_ENV_OPT_OUT',
        'NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT',
      ],
      'sources': ['native/addon.c'],
    },
  ],
}
