"""Doubles numbers on a virtual GPU from Python, with nothing but ctypes: python3 example.py [path of libvgpu.so]"""
import ctypes
import sys

PTX = b""".version 7.0
.target sm_75
.address_size 64
.visible .entry twice(.param .u64 numbers)
{
  .reg .u64 %a, %o; .reg .u32 %i; .reg .f32 %f;
  ld.param.u64 %a, [numbers];
  mov.u32 %i, %tid.x; mul.wide.u32 %o, %i, 4; add.u64 %a, %a, %o;
  ld.global.f32 %f, [%a]; add.f32 %f, %f, %f; st.global.f32 [%a], %f;
  ret;
}
"""


class Shape(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared_bytes", ctypes.c_uint)]


vgpu = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else "libvgpu.so.0")
P, SIZE = ctypes.c_void_p, ctypes.c_size_t
for name, result, parameters in [
    ("vgpu_connect", P, [ctypes.c_char_p]),
    ("vgpu_disconnect", ctypes.c_int, [P]),
    ("vgpu_allocate_memory", P, [P, SIZE]),
    ("vgpu_free_memory", ctypes.c_int, [P, P]),
    ("vgpu_memory_address", ctypes.c_uint64, [P, P]),
    ("vgpu_copy_in", ctypes.c_int, [P, P, SIZE, P, SIZE]),
    ("vgpu_copy_out", ctypes.c_int, [P, P, P, SIZE, SIZE]),
    ("vgpu_load_module", P, [P, ctypes.c_char_p, SIZE]),
    ("vgpu_get_function", P, [P, P, ctypes.c_char_p]),
    ("vgpu_launch", ctypes.c_int, [P, P, Shape, ctypes.POINTER(P)]),
    ("vgpu_last_error", ctypes.c_char_p, []),
]:
    function = getattr(vgpu, name)
    function.restype, function.argtypes = result, parameters


def must(result, good):
    if not good:
        sys.exit("Error: " + vgpu.vgpu_last_error().decode())
    return result


def handle_of(value):
    return must(value, value)


def done(code):
    return must(code, code == 0)


handle = handle_of(vgpu.vgpu_connect(b"my_vgpu_instance"))
numbers = (ctypes.c_float * 64)(*range(64))
memory = handle_of(vgpu.vgpu_allocate_memory(handle, ctypes.sizeof(numbers)))
done(vgpu.vgpu_copy_in(handle, memory, 0, numbers, ctypes.sizeof(numbers)))
module = handle_of(vgpu.vgpu_load_module(handle, PTX, len(PTX)))
twice = handle_of(vgpu.vgpu_get_function(handle, module, b"twice"))
address = ctypes.c_uint64(vgpu.vgpu_memory_address(handle, memory))
parameters = (P * 1)(ctypes.cast(ctypes.byref(address), P))
done(vgpu.vgpu_launch(handle, twice, Shape((1, 1, 1), (64, 1, 1), 0), parameters))
done(vgpu.vgpu_copy_out(handle, numbers, memory, 0, ctypes.sizeof(numbers)))
assert list(numbers) == [2.0 * i for i in range(64)], list(numbers)
done(vgpu.vgpu_free_memory(handle, memory))
assert vgpu.vgpu_free_memory(handle, memory) != 0 and b"given back" in vgpu.vgpu_last_error()
done(vgpu.vgpu_disconnect(handle))
print("64 numbers doubled")
