"""JAX: a compiled function and its gradient on the device. What JAX needs beside `outboard run` is set here; why is told in
docs/packages.md."""
import os
import tempfile

os.environ["JAX_PLATFORMS"] = "cuda"
os.environ["XLA_FLAGS"] = (
    "--xla_gpu_enable_libnvptxcompiler=false --xla_gpu_enable_libnvjitlink=false --xla_gpu_autotune_level=0"
)
import jax
import jax._src.hardware_utils
import jax._src.lib
import jax.numpy as jnp

# It looks for device files that only a machine with a GPU has.
jax._src.hardware_utils.has_visible_nvidia_gpu = lambda: True

# XLA's compiler in the toolkit's place: the stand-in for ptxas, and the package's own libdevice.
tools = tempfile.TemporaryDirectory()
os.mkdir(f"{tools.name}/bin")
os.symlink(os.environ["TRITON_PTXAS_PATH"], f"{tools.name}/bin/ptxas")
os.symlink(f"{jax._src.lib.cuda_path}/nvvm", f"{tools.name}/nvvm")
jax._src.lib.cuda_path = tools.name

x = jnp.arange(100.0) / 100
assert x.devices().pop().platform == "gpu"
value, gradient = jax.jit(jax.value_and_grad(lambda a: (jnp.sin(a) * a).sum()))(x)
assert jnp.allclose(gradient, jnp.cos(x) * x + jnp.sin(x), atol=1e-5)
print("right")
