// Memory that is lost in every way that a C library offers, and the same without a loss. All bytes that its
// functions are asked for are touched, but for those of image_reserve().

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

char* Filled(size_t bytes) {
  auto* block = static_cast<char*>(std::malloc(bytes));
  std::memset(block, 1, bytes);
  return block;
}

std::vector<char*> kept;
std::unordered_map<int, char*> cache;

}  // namespace

extern "C" {

struct Image {
  char* pixels;
};

Image* image_create(size_t bytes) {
  auto* image = static_cast<Image*>(std::malloc(sizeof(Image)));
  image->pixels = Filled(bytes);
  return image;
}

// Its pixels are what was in that memory before.
Image* image_reserve(size_t bytes) {
  return new (std::malloc(sizeof(Image))) Image{static_cast<char*>(std::malloc(bytes))};
}

// Leaves the address of the image all over memory that is free afterwards.
void image_look(Image* image, size_t bytes) {
  auto* seen = static_cast<Image**>(std::malloc(bytes));
  std::fill_n(static_cast<Image* volatile*>(seen), bytes / sizeof(Image*), image);
  std::free(seen);
}

Image* image_copy(const Image*, size_t bytes) { return image_create(bytes); }

void image_destroy(Image* image) {
  std::free(image->pixels);
  std::free(image);
}

int image_open(size_t bytes, Image** image) {
  *image = image_create(bytes);
  return 0;
}

// What belongs to a database is freed with it, or before.
struct Row {
  Row* next;
  char* text;
};

struct Base {
  Row* rows;
};

Base* base_open() { return static_cast<Base*>(std::calloc(1, sizeof(Base))); }

Row* base_query(Base* base, size_t bytes) {
  auto* row = static_cast<Row*>(std::malloc(sizeof(Row)));
  *row = {base->rows, Filled(bytes)};
  base->rows = row;
  return row;
}

// Behind `rows`, which it returns if there are any, as lists do.
Row* rows_append(Row* rows, size_t bytes) {
  auto* row = static_cast<Row*>(std::malloc(sizeof(Row)));
  *row = {nullptr, Filled(bytes)};
  if (rows == nullptr) return row;
  row->next = rows->next;
  rows->next = row;
  return rows;
}

Row* row_new(Base* base, size_t bytes) { return base_query(base, bytes); }

// What is in a base must be ended there.
void row_free(Row* row) {
  std::free(row->text);
  std::free(row);
}

void base_end(Base* base, Row* row) {
  for (Row** at = &base->rows; *at != nullptr; at = &(*at)->next) {
    if (*at != row) continue;
    *at = row->next;
    break;
  }
  std::free(row->text);
  std::free(row);
}

void base_close(Base* base) {
  while (base->rows != nullptr) base_end(base, base->rows);
  std::free(base);
}

struct Buffer {
  size_t size;
  char* bytes;
};

Buffer* buffer_new() { return new (std::malloc(sizeof(Buffer))) Buffer{1, Filled(1)}; }

void buffer_add(Buffer* buffer, size_t bytes) {
  buffer->bytes = static_cast<char*>(std::realloc(buffer->bytes, buffer->size + bytes));
  std::memset(buffer->bytes + buffer->size, 1, bytes);
  buffer->size += bytes;
}

void buffer_free(Buffer* buffer) {
  std::free(buffer->bytes);
  std::free(buffer);
}

char* text_make(size_t bytes) {
  char* text = Filled(bytes);
  std::memset(text, 'x', bytes - 1);
  text[bytes - 1] = 0;
  return text;
}

// Frees all that it makes.
size_t text_length(size_t bytes) {
  char* text = text_make(bytes);
  const size_t length = std::strlen(text);
  std::free(text);
  return length;
}

struct Pair {
  int count;
  char* bytes;
};

void pair_fill(Pair* pair, size_t bytes) {
  pair->count = 1;
  pair->bytes = Filled(bytes);
}

void pair_clear(Pair* pair) { std::free(pair->bytes); }

void each(int count, void (*call)(int)) {
  for (int i = 0; i < count; i++) call(i);
}

// In a thread of the library's own.
void thread_keep(size_t bytes, bool frees) {
  std::thread([=] {
    char* block = Filled(bytes);
    if (frees) {
      std::free(block);
    } else {
      kept.push_back(block);
    }
  }).join();
}

void* text_longer(void* text, size_t bytes) { return std::realloc(text, bytes); }

struct Widget {
  std::string name;
  std::vector<char> data;
};

Widget* widget_new(size_t bytes) { return new Widget{std::string(100, 'x'), std::vector<char>(bytes, 'x')}; }
void widget_delete(Widget* widget) { delete widget; }

void log_add(size_t bytes) { kept.push_back(Filled(bytes)); }
void log_clear() {
  for (char* each : kept) std::free(each);
  kept.clear();
}

void cache_look(int key, size_t bytes) {
  char*& place = cache[key];
  if (place == nullptr) place = Filled(bytes);
}

}  // extern "C"
