// runtime.SetFinalizer over cgo.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
static void *(*create)(size_t);
static void (*destroy)(void *);
static long (*freed)(void);
static void load(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  create = dlsym(library, "image_new");
  destroy = dlsym(library, "image_free");
  freed = dlsym(library, "image_freed");
}
static void *call_create(size_t bytes) { return create(bytes); }
static void call_destroy(void *image) { destroy(image); }
static long call_freed(void) { return freed(); }
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

type image struct{ address unsafe.Pointer }

func number(text string) int64 {
	value, _ := strconv.ParseInt(text, 10, 64)
	return value
}

func resident() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	return number(strings.Fields(string(text))[1]) * 4096
}

func main() {
	C.load(C.CString(os.Args[1]))
	images, bytes, limit := number(os.Args[2]), number(os.Args[3]), number(os.Args[4])
	var made, peak int64
	for ; made < images && peak < limit; made++ {
		made := &image{C.call_create(C.size_t(bytes))}
		runtime.SetFinalizer(made, func(dead *image) { C.call_destroy(dead.address) })
		peak = max(peak, resident())
	}
	fmt.Printf("{\"made\":%d,\"freed\":%d,\"peak\":%d}\n", made, int64(C.call_freed()), peak)
}
