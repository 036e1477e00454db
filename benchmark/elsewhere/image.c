// What all programs call: blocks of native memory, written to, and how many of them there were.

#include <stdlib.h>
#include <string.h>

static long made, freed;

void* image_new(size_t bytes) {
  void* image = malloc(bytes);
  if (image == NULL) abort();
  memset(image, 1, bytes);
  made++;
  return image;
}

// Destructors of other languages run in threads of their own, but here one at a time.
void image_free(void* image) {
  free(image);
  freed++;
}

long image_made(void) { return made; }
long image_freed(void) { return freed; }

#ifdef WITH_JNI
#include <jni.h>

JNIEXPORT jlong JNICALL Java_Elsewhere_create(JNIEnv* env, jclass self, jlong bytes) {
  (void)env, (void)self;
  return (jlong)(size_t)image_new((size_t)bytes);
}

JNIEXPORT void JNICALL Java_Elsewhere_free(JNIEnv* env, jclass self, jlong image) {
  (void)env, (void)self;
  image_free((void*)(size_t)image);
}

JNIEXPORT jlong JNICALL Java_Elsewhere_freed(JNIEnv* env, jclass self) {
  (void)env, (void)self;
  return image_freed();
}
#endif
