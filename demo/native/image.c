#include "image.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint8_t r, g, b, a;
} Pixel;

struct Image {
  int width;
  int height;
  Pixel* pixels;
};

static struct {
  size_t live_count;
  size_t live_bytes;
  size_t peak_bytes;
  size_t freed_count;
} statistics;

// The QOI chunks: two with a tag of 8 bits, four with a tag of 2 bits.
enum {
  kRgb = 0xfe,
  kRgba = 0xff,
  kIndex = 0x00,
  kDiff = 0x40,
  kLuma = 0x80,
  kRun = 0xc0,
  kTagMask = 0xc0,
  kLongestRun = 62,
};

static const uint8_t kMagic[4] = {'q', 'o', 'i', 'f'};
static const uint8_t kEnd[8] = {0, 0, 0, 0, 0, 0, 0, 1};
// Far from every overflow: of int, and of a size in bytes on 32 bits.
static const uint32_t kMostPixels = 400000000;

static bool valid_dimensions(uint32_t width, uint32_t height) {
  return width > 0 && height > 0 && width <= kMostPixels / height;
}

static unsigned slot_of(Pixel p) { return (p.r * 3u + p.g * 5u + p.b * 7u + p.a * 11u) % 64u; }

static bool same(Pixel p, Pixel q) { return p.r == q.r && p.g == q.g && p.b == q.b && p.a == q.a; }

// --- Reading

typedef struct {
  FILE* file;
  size_t at;
  size_t filled;
  bool ended;
  uint8_t buffer[65536];
} Reader;

static uint8_t refill_and_read(Reader* in) {
  in->at = 0;
  in->filled = fread(in->buffer, 1, sizeof in->buffer, in->file);
  if (in->filled == 0) {
    in->ended = true;
    return 0;
  }
  return in->buffer[in->at++];
}

static inline uint8_t read_byte(Reader* in) {
  return in->at < in->filled ? in->buffer[in->at++] : refill_and_read(in);
}

static uint32_t read_uint32(Reader* in) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) value = value << 8 | read_byte(in);
  return value;
}

static bool read_bytes(Reader* in, const uint8_t* expected, size_t count) {
  bool equal = true;
  for (size_t i = 0; i < count; i++) equal &= read_byte(in) == expected[i];
  return equal && !in->ended;
}

static bool read_header(Reader* in, uint32_t* width, uint32_t* height) {
  if (!read_bytes(in, kMagic, sizeof kMagic)) return false;
  *width = read_uint32(in);
  *height = read_uint32(in);
  uint8_t channels = read_byte(in);
  uint8_t colorspace = read_byte(in);
  return !in->ended && valid_dimensions(*width, *height) && (channels == 3 || channels == 4) &&
         colorspace <= 1;
}

static bool read_pixels(Reader* in, Pixel* pixels, size_t count) {
  Pixel seen[64] = {{0, 0, 0, 0}};
  Pixel p = {0, 0, 0, 255};
  size_t i = 0;

  while (i < count) {
    uint8_t chunk = read_byte(in);
    size_t run = 1;

    if (chunk == kRgb || chunk == kRgba) {
      p.r = read_byte(in);
      p.g = read_byte(in);
      p.b = read_byte(in);
      if (chunk == kRgba) p.a = read_byte(in);
    } else if ((chunk & kTagMask) == kIndex) {
      p = seen[chunk];
    } else if ((chunk & kTagMask) == kDiff) {
      p.r += (chunk >> 4 & 3) - 2;
      p.g += (chunk >> 2 & 3) - 2;
      p.b += (chunk & 3) - 2;
    } else if ((chunk & kTagMask) == kLuma) {
      uint8_t rest = read_byte(in);
      int green = (chunk & 63) - 32;
      p.r += green + (rest >> 4) - 8;
      p.g += green;
      p.b += green + (rest & 15) - 8;
    } else {
      run = (chunk & 63) + 1u;
    }
    if (in->ended || run > count - i) return false;

    seen[slot_of(p)] = p;
    while (run-- > 0) pixels[i++] = p;
  }
  return read_bytes(in, kEnd, sizeof kEnd);
}

static Image* new_image(uint32_t width, uint32_t height) {
  Image* image = malloc(sizeof *image);
  if (image == NULL) return NULL;
  image->width = (int)width;
  image->height = (int)height;
  image->pixels = malloc((size_t)width * height * sizeof(Pixel));
  if (image->pixels == NULL) {
    free(image);
    return NULL;
  }
  statistics.live_count++;
  statistics.live_bytes += image_bytes(image);
  if (statistics.peak_bytes < statistics.live_bytes) statistics.peak_bytes = statistics.live_bytes;
  return image;
}

Image* image_load(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  Reader in = {.file = file};
  Image* image = NULL;
  uint32_t width, height;
  if (read_header(&in, &width, &height)) image = new_image(width, height);
  if (image != NULL && !read_pixels(&in, image->pixels, (size_t)width * height)) {
    image_free(image);
    image = NULL;
  }
  fclose(file);
  return image;
}

void image_free(Image* image) {
  if (image == NULL) return;
  statistics.live_count--;
  statistics.live_bytes -= image_bytes(image);
  statistics.freed_count++;
  free(image->pixels);
  free(image);
}

// --- Writing

static void write_uint32(FILE* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) putc(value >> shift & 255, out);
}

static void write_difference(FILE* out, Pixel from, Pixel to) {
  int red = (int8_t)(to.r - from.r);
  int green = (int8_t)(to.g - from.g);
  int blue = (int8_t)(to.b - from.b);
  int red_rest = red - green;
  int blue_rest = blue - green;

  if (to.a != from.a) {
    putc(kRgba, out);
    fwrite(&to, 1, 4, out);
  } else if (red >= -2 && red <= 1 && green >= -2 && green <= 1 && blue >= -2 && blue <= 1) {
    putc(kDiff | (red + 2) << 4 | (green + 2) << 2 | (blue + 2), out);
  } else if (green >= -32 && green <= 31 && red_rest >= -8 && red_rest <= 7 && blue_rest >= -8 &&
             blue_rest <= 7) {
    putc(kLuma | (green + 32), out);
    putc((red_rest + 8) << 4 | (blue_rest + 8), out);
  } else {
    putc(kRgb, out);
    fwrite(&to, 1, 3, out);
  }
}

static void write_pixels(FILE* out, const uint8_t* rgba, size_t count) {
  Pixel seen[64] = {{0, 0, 0, 0}};
  Pixel before = {0, 0, 0, 255};
  int run = 0;

  for (size_t i = 0; i < count; i++) {
    Pixel p;
    memcpy(&p, rgba + 4 * i, sizeof p);
    bool repeats = same(p, before);
    if (repeats) run++;
    if (run > 0 && (!repeats || run == kLongestRun || i + 1 == count)) {
      putc(kRun | (run - 1), out);
      run = 0;
    }
    if (repeats) continue;

    if (same(p, seen[slot_of(p)])) {
      putc(kIndex | (int)slot_of(p), out);
    } else {
      seen[slot_of(p)] = p;
      write_difference(out, before, p);
    }
    before = p;
  }
}

int image_save(const char* path, const uint8_t* rgba, int width, int height) {
  if (width < 0 || height < 0) return -1;
  if (!valid_dimensions((uint32_t)width, (uint32_t)height)) return -1;
  FILE* out = fopen(path, "wb");
  if (out == NULL) return -1;
  fwrite(kMagic, 1, sizeof kMagic, out);
  write_uint32(out, (uint32_t)width);
  write_uint32(out, (uint32_t)height);
  putc(4, out);  // channels
  putc(0, out);  // sRGB with linear alpha
  write_pixels(out, rgba, (size_t)width * (size_t)height);
  fwrite(kEnd, 1, sizeof kEnd, out);
  bool failed = ferror(out) != 0;
  failed |= fclose(out) != 0;
  return failed ? -1 : 0;
}

// --- Asking

int image_width(const Image* image) { return image->width; }

int image_height(const Image* image) { return image->height; }

size_t image_bytes(const Image* image) {
  return sizeof *image + (size_t)image->width * (size_t)image->height * sizeof(Pixel);
}

uint32_t image_pixel(const Image* image, int x, int y) {
  if (x < 0 || y < 0 || x >= image->width || y >= image->height) return 0;
  Pixel p = image->pixels[(size_t)y * (size_t)image->width + (size_t)x];
  return (uint32_t)p.r << 24 | (uint32_t)p.g << 16 | (uint32_t)p.b << 8 | p.a;
}

size_t image_live_count(void) { return statistics.live_count; }

size_t image_live_bytes(void) { return statistics.live_bytes; }

size_t image_peak_bytes(void) { return statistics.peak_bytes; }

size_t image_freed_count(void) { return statistics.freed_count; }
