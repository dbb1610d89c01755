// Texture and surface objects, and the texture references of old programs.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/cuda/abi.h"
#include "device/software/driver/arrays.h"
#include "device/software/run/texture.h"

namespace software {

// What kernels may name by `handle` while this lives.
class TextureObject {
 public:
  TextureObject(const void* context, const Texture& texture, std::shared_ptr<ArrayMemory> memory);
  ~TextureObject();
  TextureObject(const TextureObject&) = delete;
  TextureObject& operator=(const TextureObject&) = delete;

  const void* context() const { return context_; }
  uint64_t handle() const { return handle_; }  // 0: the table is full
  Texture::Kind kind() const { return texture_.kind; }

 private:
  const void* context_;
  const Texture texture_;
  std::shared_ptr<ArrayMemory> memory_;
  uint64_t handle_;
};

// By handle. Thread-safe.
class TextureObjects {
 public:
  void add(std::shared_ptr<TextureObject> object);
  // nullptr: no object of that kind.
  std::shared_ptr<TextureObject> remove(uint64_t handle, Texture::Kind kind);
  void remove_of(const void* context);

 private:
  std::mutex lock_;
  std::map<uint64_t, std::shared_ptr<TextureObject>> objects_;
};

// The texture that the descriptors mean, and the memory it needs. `view` may be null.
CUresult describe(const CUDA_RESOURCE_DESC& resource, const CUDA_TEXTURE_DESC& how, const CUDA_RESOURCE_VIEW_DESC* view,
                  Texture& texture, std::shared_ptr<ArrayMemory>& memory);
// The sampler's part alone.
CUresult take_sampler(const CUDA_TEXTURE_DESC& how, Texture& texture);
CUresult describe_surface(CUarray array, Texture& surface, std::shared_ptr<ArrayMemory>& memory);

// .texref, .samplerref or .surfref: a variable of a module (or, made by cuTexRefCreate, of none) and what the program
// bound to it. The variable's eight bytes hold the handle that kernels use.
struct TextureReference {
  const void* context = nullptr;
  std::string name;
  bool is_surface = false;
  uint64_t variable = 0;  // its address; 0: of no module
  std::mutex lock;
  CUDA_RESOURCE_DESC resource{};
  CUDA_TEXTURE_DESC how{};
  CUarray_format format = CU_AD_FORMAT_FLOAT;
  unsigned channels = 1;
  bool bound = false;
  std::shared_ptr<TextureObject> object;
};

struct Module;
void make_references(Module& module);  // of its variables of opaque types

}  // namespace software
