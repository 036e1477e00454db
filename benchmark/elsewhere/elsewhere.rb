# FFI::AutoPointer.
require 'ffi'

module Native
  extend FFI::Library
  ffi_lib ARGV[0]
  attach_function :image_new, [:size_t], :pointer
  attach_function :image_free, [:pointer], :void
  attach_function :image_freed, [], :long
end

images, bytes, cap = ARGV[1..3].map(&:to_i)
made = peak = 0
while made < images && peak < cap
  FFI::AutoPointer.new(Native.image_new(bytes), Native.method(:image_free))
  made += 1
  peak = [peak, File.read('/proc/self/statm').split[1].to_i * 4096].max
end
puts %({"made":#{made},"freed":#{Native.image_freed},"peak":#{peak}})
