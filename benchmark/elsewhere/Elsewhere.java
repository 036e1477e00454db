import java.lang.ref.Cleaner;
import java.nio.file.Files;
import java.nio.file.Path;

/** java.lang.ref.Cleaner over JNI: the recommended way since Java 9. */
class Elsewhere {
  static native long create(long bytes);

  static native void free(long image);

  static native long freed();

  static final Cleaner CLEANER = Cleaner.create();

  static final class Image {
    final long address;

    Image(long bytes) {
      long made = create(bytes);
      address = made;
      CLEANER.register(this, () -> free(made));
    }
  }

  static long resident() throws Exception {
    return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096;
  }

  public static void main(String[] args) throws Exception {
    System.load(args[0]);
    long images = Long.parseLong(args[1]), bytes = Long.parseLong(args[2]), cap = Long.parseLong(args[3]);
    long made = 0, peak = 0;
    for (; made < images && peak < cap; made++) {
      new Image(bytes);
      peak = Math.max(peak, resident());
    }
    System.out.printf("{\"made\":%d,\"freed\":%d,\"peak\":%d}%n", made, freed(), peak);
  }
}
