// The same as allocates.c, in C++.

#include <fstream>
#include <map>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

extern "C" {

void* make_strings(int count) {
  auto* strings = new std::vector<std::string>;
  for (int i = 0; i < count; i++)
    strings->emplace_back("a string that is too long to be kept inside " + std::to_string(i));
  return strings;
}
void add_string(void* strings) { static_cast<std::vector<std::string>*>(strings)->emplace_back(1000, 'x'); }
void free_strings(void* strings) { delete static_cast<std::vector<std::string>*>(strings); }
// Frees what is in there, on a thread of its own.
void clear_strings(void* strings) {
  auto* all = static_cast<std::vector<std::string>*>(strings);
  std::thread([all] { std::vector<std::string>().swap(*all); }).join();
}
// Puts another one in the place of what is there, as C does with av_dict_set() and the like.
void append_string(void** place) {
  auto* before = static_cast<std::vector<std::string>*>(*place);
  auto* strings = before == nullptr ? new std::vector<std::string> : before;
  add_string(strings);
  *place = strings;
}

// Owns what is added, unless it is full.
void* make_list(int room) {
  auto* list = new std::vector<void*>;
  list->reserve(room);
  return list;
}
int add_strings(void* to, void* strings) {
  auto* list = static_cast<std::vector<void*>*>(to);
  if (list->size() == list->capacity()) return 1;
  list->push_back(strings);
  return 0;
}
void free_list(void* list) {
  for (void* each : *static_cast<std::vector<void*>*>(list)) free_strings(each);
  delete static_cast<std::vector<void*>*>(list);
}

void* make_map(int count) {
  auto* map = new std::map<std::string, std::string>;
  for (int i = 0; i < count; i++) (*map)[std::to_string(i)] = std::string(100, 'x');
  return map;
}
void free_map(void* map) { delete static_cast<std::map<std::string, std::string>*>(map); }

void* make_stream(const char* path) { return new std::ifstream(path); }
void free_stream(void* stream) { delete static_cast<std::ifstream*>(stream); }

struct alignas(128) Aligned {
  char bytes[256];
};
void* make_aligned() { return new Aligned; }
void free_aligned(void* object) { delete static_cast<Aligned*>(object); }

// By operator new that the C++ runtime itself calls.
void* make_resource(size_t bytes) { return std::pmr::new_delete_resource()->allocate(bytes, 64); }
void free_resource(void* block, size_t bytes) {
  std::pmr::new_delete_resource()->deallocate(block, bytes, 64);
}

// Whether a failing operator new throws through whatever is in its slot.
int throws() {
  try {
    static char* volatile block;
    block = new char[static_cast<size_t>(-1) / 4];
    return block == nullptr;
  } catch (const std::bad_alloc&) {
    return 1;
  }
}
}
