"""JAX: a compiled function and its gradient on the device."""
import os

os.environ["JAX_PLATFORMS"] = "cuda"
import jax
import jax.numpy as jnp

x = jnp.arange(100.0) / 100
assert x.devices().pop().platform == "gpu"
value, gradient = jax.jit(jax.value_and_grad(lambda a: (jnp.sin(a) * a).sum()))(x)
assert jnp.allclose(gradient, jnp.cos(x) * x + jnp.sin(x), atol=1e-5)
print("right")
