{
  'target_defaults': {
    'cflags_c': ['-std=c11', '-Wall', '-Wextra', '-Wpedantic'],
    'xcode_settings': {'GCC_C_LANGUAGE_STANDARD': 'c11'},
    'defines': ['_CRT_SECURE_NO_WARNINGS'],
  },
  'targets': [
    {
      # An ordinary shared library; node-gyp is only used because everybody who can install addons has it.
      'target_name': 'image',
      'type': 'shared_library',
      'win_delay_load_hook': 'false',
      'sources': ['native/image.c'],
    },
    {
      'target_name': 'recipe',
      'defines': ['NAPI_VERSION=8'],
      'sources': ['native/recipe.c'],
    },
  ],
}
