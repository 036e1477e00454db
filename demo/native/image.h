// A small image library: QOI files (https://qoiformat.org) to and from RGBA pixels.
// It knows nothing of Node.js.
//
// An Image belongs to whoever loaded it, until image_free(). The library is for one thread at a time.

#ifndef DEMO_IMAGE_H_
#define DEMO_IMAGE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#define IMAGE_API __declspec(dllexport)
#else
#define IMAGE_API __attribute__((visibility("default")))
#endif

typedef struct Image Image;

// NULL when the file is missing, is not a whole QOI file, or memory is short.
IMAGE_API Image* image_load(const char* path);

// NULL is allowed, as for free().
IMAGE_API void image_free(Image* image);

IMAGE_API int image_width(const Image* image);
IMAGE_API int image_height(const Image* image);

// The bytes that image_free() will give back.
IMAGE_API size_t image_bytes(const Image* image);

// 0xRRGGBBAA, or 0 outside the image.
IMAGE_API uint32_t image_pixel(const Image* image, int x, int y);

// Writes width * height pixels of 4 bytes (R, G, B, A). 0, or -1 on failure.
IMAGE_API int image_save(const char* path, const uint8_t* rgba, int width, int height);

// What the library itself knows about its memory.
IMAGE_API size_t image_live_count(void);
IMAGE_API size_t image_live_bytes(void);
IMAGE_API size_t image_peak_bytes(void);
IMAGE_API size_t image_freed_count(void);

#endif
