#include "meters/pe_module.h"

#ifdef TALLY_HAS_PE_MODULES

#include <psapi.h>

#include <cstring>
#include <cwchar>

namespace tally {

namespace {

constexpr DWORD kLongestPath = 1024;

char Small(wchar_t letter) {
  if (letter > 127) return '?';  // no name that we know
  return static_cast<char>(letter >= L'A' && letter <= L'Z' ? letter - L'A' + L'a' : letter);
}

bool IsBelow(const wchar_t* path, const wchar_t* directory, size_t length) {
  return _wcsnicmp(path, directory, length) == 0 && path[length] == L'\\';
}

}  // namespace

PeModule::PeModule(uintptr_t base) : base_(base) {
  const auto* start = At<IMAGE_DOS_HEADER>(0);
  const auto* headers = At<IMAGE_NT_HEADERS>(static_cast<DWORD>(start->e_lfanew));
  if (headers->OptionalHeader.Magic != IMAGE_NT_OPTIONAL_HDR64_MAGIC) return;
  headers_ = headers;
  bytes_ = headers->OptionalHeader.SizeOfImage;
  wchar_t path[kLongestPath];
  const DWORD length = GetModuleFileNameW(reinterpret_cast<HMODULE>(base), path, kLongestPath);
  if (length == 0 || length == kLongestPath) return;
  wchar_t system[MAX_PATH];
  const UINT system_length = GetSystemWindowsDirectoryW(system, MAX_PATH);
  is_of_system_ = system_length > 0 && system_length < MAX_PATH && IsBelow(path, system, system_length);
  const wchar_t* name = wcsrchr(path, L'\\');
  name = name == nullptr ? path : name + 1;
  const size_t letters = wcslen(name);
  if (letters >= sizeof(file_)) name += letters - sizeof(file_) + 1;
  for (char* to = file_; *name != L'\0'; name++) *to++ = Small(*name);
}

bool PeModule::Write(const Slot& slot, uintptr_t value) const {
  MEMORY_BASIC_INFORMATION page;
  if (VirtualQuery(slot.address, &page, sizeof(page)) == 0) return false;
  // Code may be on the same page.
  const DWORD executable = PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
  const DWORD writable = (page.Protect & executable) != 0 ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
  DWORD before = 0;
  if (!VirtualProtect(slot.address, sizeof(value), writable, &before)) return false;
  InterlockedExchangePointer(reinterpret_cast<void**>(slot.address), reinterpret_cast<void*>(value));
  return VirtualProtect(slot.address, sizeof(value), before, &before) != 0;
}

bool PeModule::IsSanitized() const {
  constexpr std::string_view kRuntime = "clang_rt.asan";
  bool is_sanitized = false;
  EachNeeded([&](const char* name) {
    is_sanitized = is_sanitized || std::strncmp(name, kRuntime.data(), kRuntime.size()) == 0;
  });
  return is_sanitized;
}

const char* PeModule::name() const {
  const auto* exports = Directory<IMAGE_EXPORT_DIRECTORY>(IMAGE_DIRECTORY_ENTRY_EXPORT);
  return exports == nullptr || exports->Name == 0 ? "" : At<char>(exports->Name);
}

const char* PeModule::FunctionAt(uintptr_t address) const {
  const auto* exports = Directory<IMAGE_EXPORT_DIRECTORY>(IMAGE_DIRECTORY_ENTRY_EXPORT);
  if (exports == nullptr) return "";
  const auto* functions = At<DWORD>(exports->AddressOfFunctions);
  const auto* names = At<DWORD>(exports->AddressOfNames);
  const auto* ordinals = At<WORD>(exports->AddressOfNameOrdinals);
  const uintptr_t offset = address - base_;
  uintptr_t last = 0;
  const char* found = "";
  for (DWORD i = 0; i < exports->NumberOfNames; i++) {
    const uintptr_t begin = functions[ordinals[i]];
    if (begin > offset || begin < last) continue;
    last = begin;
    found = At<char>(names[i]);
  }
  return found;
}

void LibraryCloser::operator()(void* handle) const { FreeLibrary(static_cast<HMODULE>(handle)); }

LibraryHandle Loaded(const char* path) {
  wchar_t wide[kLongestPath];
  if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, kLongestPath) == 0) return nullptr;
  for (wchar_t* letter = wide; *letter != L'\0'; letter++) {
    if (*letter == L'/') *letter = L'\\';
  }
  HMODULE module = nullptr;
  return LibraryHandle(GetModuleHandleExW(0, wide, &module) ? module : nullptr);
}

LibraryHandle HandleOf(uintptr_t address) {
  HMODULE module = nullptr;
  const auto* inside = reinterpret_cast<const wchar_t*>(address);
  return LibraryHandle(GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, inside, &module) ? module
                                                                                                   : nullptr);
}

bool ListModules(FallibleVector<HMODULE>* modules) {
  DWORD bytes = 256 * sizeof(HMODULE);
  DWORD room = 0;
  do {
    room = bytes;
    if (!modules->Extend(room / sizeof(HMODULE))) return false;
    if (!EnumProcessModules(GetCurrentProcess(), modules->begin(), room, &bytes)) return false;
  } while (bytes > room);  // more have been loaded
  modules->Truncate(bytes / sizeof(HMODULE));
  return true;
}

uintptr_t FindCode(uintptr_t address, const char** file, const char** function) {
  const LibraryHandle handle = HandleOf(address);
  if (handle == nullptr) return 0;
  const PeModule module(BaseOf(handle));
  *file = module.name();
  *function = module.FunctionAt(address);
  return module.base();
}

}  // namespace tally

#endif  // TALLY_HAS_PE_MODULES
