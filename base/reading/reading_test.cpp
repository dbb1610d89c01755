// Texts, files, ELF files, the loader's cache and its search: right ones, damaged ones, hostile ones.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/reading/elf.h"
#include "base/reading/files.h"
#include "base/reading/ld_cache.h"
#include "base/reading/loader.h"
#include "base/reading/made_root.h"
#include "base/reading/text.h"

namespace base::reading {

namespace {

using Names = std::vector<std::string>;

std::string utf16(const std::string& text, bool mark) {
  std::string bytes = mark ? "\xFF\xFE" : "";
  for (char c : text) bytes.append({c, '\0'});
  return bytes;
}

template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A cache in the form of today with one entry.
std::string new_cache(const std::string& name, const std::string& path) {
  std::string bytes = "glibc-ld.so.cache1.1" + bytes_of<uint32_t>(1) + std::string(24, '\0');
  uint32_t strings = 48 + 24;
  bytes += bytes_of<uint32_t>(0x0303) + bytes_of<uint32_t>(strings) +
           bytes_of<uint32_t>(strings + static_cast<uint32_t>(name.size()) + 1) + bytes_of<uint32_t>(0) +
           bytes_of<uint64_t>(0);
  return bytes + name + '\0' + path + '\0';
}

std::string old_cache(const std::string& name, const std::string& path, const std::string& after = "") {
  std::string bytes = std::string("ld.so-1.7.0") + '\0' + bytes_of<uint32_t>(1) + bytes_of<uint32_t>(3) +
                      bytes_of<uint32_t>(0) + bytes_of<uint32_t>(static_cast<uint32_t>(name.size()) + 1);
  return after.empty() ? bytes + name + '\0' + path + '\0' : bytes + std::string(4, '\0') + after;
}

TEST(Text, TellsTextFromBytes) {
  EXPECT_TRUE(is_text("GPU 0: Ger\xC3\xA4t \xE2\x82\xAC \xF0\x9F\x92\xBB"));
  EXPECT_FALSE(is_text(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_text("\xC0\xAF"));          // too long a form
  EXPECT_FALSE(is_text("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(is_text("\xF4\x90\x80\x80"));  // above the last character
  EXPECT_FALSE(is_text("Ger\xE4t"));          // Latin-1
  EXPECT_EQ(as_text("Ger\xE4t"), "Ger?t");
}

TEST(Text, ReadsWindowsOutput) {
  EXPECT_EQ(from_windows(utf16("WSL version: 2.3.26.0\r\nKernel\r\n", false)), "WSL version: 2.3.26.0\nKernel\n");
  EXPECT_EQ(from_windows(utf16("WSL", true)), "WSL");
  EXPECT_EQ(from_windows("\xEF\xBB\xBF"
                         "CurrentBuild=22631\r\n"),
            "CurrentBuild=22631\n");
  EXPECT_EQ(from_windows("Grafikger\xE4t"), "Grafikger?t");
  EXPECT_EQ(from_windows(std::string("\xFF\xFE\x3D\xD8\xBB\xDC", 6)), "\xF0\x9F\x92\xBB");  // a pair of surrogates
  EXPECT_EQ(from_windows(std::string("\xFF\xFE\x3D\xD8", 4)), "?");                         // half of one
  EXPECT_EQ(from_windows(""), "");
}

TEST(Text, FindsSettings) {
  std::string file = "\xEF\xBB\xBF[WSL2]\r\n gpuSupport = false\n[other]\ngpusupport=true\n";
  EXPECT_EQ(ini_value(file.substr(3), "wsl2", "GPUSUPPORT"), "false");
  EXPECT_EQ(ini_value(file, "nowhere", "gpusupport"), "");
}

TEST(Files, FollowLinksInsideTheRootAlone) {
  MadeRoot root;
  root.write("/real/file", "inside");
  root.link("/absolute", "/real/file");
  root.link("/upwards", "../../../../../../real/file");
  root.link("/loop", "/loop2");
  root.link("/loop2", "/loop");
  root.link("/folder", "/real");
  EXPECT_EQ(read(root.place, "/absolute").text, "inside");
  EXPECT_EQ(read(root.place, "/upwards").text, "inside");
  EXPECT_EQ(read(root.place, "/folder/file").text, "inside");
  EXPECT_EQ(read(root.place, "/loop").state, State::unreadable);
  EXPECT_EQ(read(root.place, "/none").state, State::absent);
  EXPECT_EQ(read(root.place, "/real/file/deeper").state, State::absent);
  EXPECT_EQ(canonical(root.place, "/folder/file", true), "/real/file");
  EXPECT_EQ(in_true_folder(root.place, "/folder/absent"), "/real/absent");
}

TEST(Files, NeverWaitAndNeverTakeTooMuch) {
  MadeRoot root;
  ASSERT_EQ(mkfifo(root.real("/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read(root.place, "/pipe").state, State::unreadable);
  EXPECT_EQ(read(root.place, "/bin").state, State::unreadable);  // a folder
  root.write("/large", std::string(10 << 20, 'x'));
  Reading large = read(root.place, "/large");
  EXPECT_FALSE(large.whole);
  EXPECT_EQ(large.text.size(), usual_limit);
  root.write("/log", std::string(1 << 20, 'x') + "the end");
  EXPECT_TRUE(read_end(root.place, "/log").text.ends_with("the end"));
}

TEST(Files, FindWithPatterns) {
  MadeRoot root;
  for (const char* path : {"/a/1/x.json", "/a/2/x.json", "/a/2/y.icd", "/a/.hidden/x.json"}) root.write(path, "");
  EXPECT_EQ(find(root.place, "/a/*/*.json").paths, (Names{"/a/1/x.json", "/a/2/x.json"}));
  EXPECT_EQ(find(root.place, "/a/2/y.icd").paths, (Names{"/a/2/y.icd"}));
  EXPECT_TRUE(find(root.place, "/none/*").paths.empty());
  EXPECT_EQ(find(root.place, "/a/*/*", 2).paths.size(), 2u);
}

TEST(Elf, ReadsBothClasses) {
  MadeElf made;
  made.needed = {"libm.so.6", "libc.so.6"};
  made.soname = "libthing.so.1";
  made.runpath = "$ORIGIN/../lib:/opt/x";
  made.interpreter = "/lib64/ld-linux-x86-64.so.2";
  made.section = ".extra";
  made.content = "hello";
  std::string file = made.elf64();
  auto elf = read_elf(file, file.size());
  ASSERT_TRUE(elf);
  EXPECT_EQ(elf->bits, 64);
  EXPECT_EQ(elf->machine, "x86_64");
  EXPECT_EQ(elf->needed, made.needed);
  EXPECT_EQ(elf->soname, made.soname);
  EXPECT_EQ(elf->runpath, (Names{"$ORIGIN/../lib", "/opt/x"}));
  EXPECT_EQ(elf->interpreter, made.interpreter);
  EXPECT_EQ(elf_section(file, ".extra"), "hello");
  EXPECT_EQ(elf_section(file, ".none"), "");
  made.machine = EM_386;
  file = made.elf32();
  elf = read_elf(file, file.size());
  ASSERT_TRUE(elf);
  EXPECT_EQ(describe(*elf), "ELF32 i386 glibc");
  EXPECT_EQ(elf_section(file, ".extra"), "hello");
}

TEST(Elf, TellsMuslAndTruncation) {
  MadeElf made;
  made.needed = {"libc.musl-x86_64.so.1"};
  std::string file = made.elf64();
  EXPECT_EQ(describe(*read_elf(file, file.size())), "ELF64 x86_64 musl");
  std::string part = file.substr(0, file.size() / 2);
  EXPECT_TRUE(read_elf(part, part.size())->truncated);
  EXPECT_TRUE(read_elf(file.substr(0, 20), 20)->truncated);
  EXPECT_FALSE(read_elf("#!/bin/sh", 9));
  EXPECT_FALSE(read_elf("", 0));
  EXPECT_FALSE(
      read_elf("\x7F"
               "ELF",
               4));
}

TEST(Elf, DamagedBytesAreRead) {
  MadeElf made;
  made.needed = {"libc.so.6"};
  made.section = ".extra";
  made.content = "hello";
  std::mt19937 random(7);
  for (const std::string& whole : {made.elf64(), made.elf32()})
    for (int round = 0; round < 20000; ++round) {
      std::string file = whole.substr(0, round % 3 == 0 ? random() % whole.size() : whole.size());
      for (int change = 0; change < 4 && !file.empty(); ++change)
        file[random() % file.size()] = static_cast<char>(random());
      if (auto elf = read_elf(file, file.size())) describe(*elf);
      elf_section(file, ".extra");
    }
}

TEST(LdCache, ReadsAllForms) {
  auto one = read_ld_cache(new_cache("libcuda.so.1", "/usr/lib/libcuda.so.1"));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].name, "libcuda.so.1");
  EXPECT_EQ(one[0].path, "/usr/lib/libcuda.so.1");
  EXPECT_EQ(read_ld_cache(old_cache("libc.so.6", "/lib/libc.so.6")).at(0).path, "/lib/libc.so.6");
  // Both: 16 and 12 bytes, padded to 32, then the new one counts from its own start.
  EXPECT_EQ(read_ld_cache(old_cache("x", "/x", new_cache("libm.so.6", "/lib/libm.so.6"))).at(0).path, "/lib/libm.so.6");
}

TEST(LdCache, DamagedBytesAreRead) {
  std::mt19937 random(11);
  std::string whole = new_cache("libcuda.so.1", "/usr/lib/libcuda.so.1");
  for (int round = 0; round < 20000; ++round) {
    std::string file = whole.substr(0, random() % (whole.size() + 1));
    if (file.size() > 20) file[20 + random() % (file.size() - 20)] = static_cast<char>(random());
    read_ld_cache(file);
  }
  EXPECT_TRUE(read_ld_cache("garbage").empty());
  EXPECT_TRUE(read_ld_cache("glibc-ld.so.cache1.1\xFF\xFF\xFF\xFF").empty());
}

class Search : public testing::Test {
 protected:
  Resolved resolve(const std::string& name) {
    return Loader(root.place).resolve(name, {64, own_machine(), false, {}, {}});
  }
  std::string library(std::vector<std::string> needed = {"libc.so.6"}) {
    return own_library(std::move(needed)).elf64();
  }
  MadeRoot root;
};

TEST_F(Search, TakesVariableBeforeCacheBeforeFolders) {
  root.write("/usr/lib/libcuda.so.1", library());
  EXPECT_EQ(resolve("libcuda.so.1").path, "/usr/lib/libcuda.so.1");
  root.write("/etc/ld.so.cache", new_cache("libcuda.so.1", "/opt/nv/libcuda.so.1"));
  root.write("/opt/nv/libcuda.so.1", library());
  EXPECT_EQ(resolve("libcuda.so.1").path, "/opt/nv/libcuda.so.1");
  root.write("/home/u/lib/libcuda.so.1", library());
  root.place.environment["LD_LIBRARY_PATH"] = "/none:/home/u/lib";
  Resolved resolved = resolve("libcuda.so.1");
  EXPECT_EQ(resolved.path, "/home/u/lib/libcuda.so.1");
  EXPECT_EQ(resolved.candidates, (Names{"/home/u/lib/libcuda.so.1", "/opt/nv/libcuda.so.1", "/usr/lib/libcuda.so.1"}));
}

TEST_F(Search, PassesOverOtherClassesAndStopsAtDamage) {
  root.place.environment["LD_LIBRARY_PATH"] = "/first:/second";
  MadeElf other;
  other.machine = EM_386;
  root.write("/first/libx.so", other.elf32());
  root.write("/second/libx.so", library());
  EXPECT_EQ(resolve("libx.so").path, "/second/libx.so");
  root.write("/first/libx.so", "");
  Resolved resolved = resolve("libx.so");
  EXPECT_EQ(resolved.path, "");
  EXPECT_EQ(resolved.why, "/first/libx.so is empty");
  root.write("/first/libx.so", "INPUT(libx.so.1)");
  EXPECT_EQ(resolve("libx.so").why, "/first/libx.so is no ELF file");
}

TEST_F(Search, RunpathIsTheAskersAndRpathIsInherited) {
  MadeElf program = own_library({"liba.so"});
  program.rpath = "$ORIGIN/lib";
  root.write("/app/program", program.elf64());
  root.write("/app/lib/liba.so", library({"libb.so"}));  // finds libb.so through the program's RPATH
  root.write("/app/lib/libb.so", library({}));
  EXPECT_EQ(Loader(root.place).first_missing("/app/program"), "");
  program.runpath = "$ORIGIN/lib";
  program.rpath.clear();
  root.write("/app/program", program.elf64());  // RUNPATH is the program's alone
  EXPECT_EQ(Loader(root.place).first_missing("/app/program"), "libb.so");
}

TEST_F(Search, MuslHasItsPathFile) {
  root.write("/etc/ld-musl-" + own_machine() + ".path", "/one\n/two:/three");
  root.write("/two/libz.so", library());
  Asker asker = {64, own_machine(), true, {}, {}};
  EXPECT_EQ(Loader(root.place).resolve("libz.so", asker).path, "/two/libz.so");
}

}  // namespace

}  // namespace base::reading
