"""ffi.gc() of cffi. CPython counts references: the last one frees at once, unless there is a circle."""
import sys

import cffi

ffi = cffi.FFI()
ffi.cdef("void *image_new(size_t bytes); void image_free(void *image); long image_freed(void);")
lib = ffi.dlopen(sys.argv[1])
images, size, cap = (int(text) for text in sys.argv[2:5])
circle = len(sys.argv) > 5


class Image:
    def __init__(self):
        self.address = ffi.gc(lib.image_new(size), lib.image_free)
        if circle:
            self.itself = self


made = peak = 0
while made < images and peak < cap:
    Image()
    made += 1
    with open("/proc/self/statm") as file:
        peak = max(peak, int(file.read().split()[1]) * 4096)
print('{"made":%d,"freed":%d,"peak":%d}' % (made, lib.image_freed(), peak))
