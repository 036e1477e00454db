// What libraries/allocates.c loads.

#include <stdlib.h>

void* plugin_allocate(size_t bytes) { return malloc(bytes); }
