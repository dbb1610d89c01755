// MD2 against the test suite of RFC 1319, appendix A.5; HMAC against its definition in RFC 2104.
#include "client/cuda/md2.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string hex(const client::Digest& digest) {
  std::string text;
  for (uint8_t byte : digest)
    for (int shift : {4, 0}) text += "0123456789abcdef"[byte >> shift & 15];
  return text;
}

TEST(Md2, TestSuiteOfTheRfc) {
  const std::pair<std::string, std::string> suite[] = {
      {"", "8350e5a3e24c153df2275c9f80692773"},
      {"a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"},
      {"abc", "da853b0d3f88d99b30283a69e6ded6bb"},
      {"message digest", "ab4f496bfb2a530b219ff33031fe06b0"},
      {"abcdefghijklmnopqrstuvwxyz", "4e8ddff3650292ab5a4108c3aa47940b"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "da33def2a42df13975352846c30338cd"},
  };
  for (const auto& [message, digest] : suite) EXPECT_EQ(hex(client::md2(bytes_of(message))), digest) << message;
}

TEST(HmacMd2, IsTheNestedHashOfTheRfc) {
  std::string key(16, '\x0b'), inner, outer;
  for (char c : key) inner += static_cast<char>(c ^ 0x36), outer += static_cast<char>(c ^ 0x5c);
  client::Digest nested = client::md2(bytes_of(inner + "Hi There"));
  outer.append(reinterpret_cast<const char*>(nested.data()), nested.size());
  EXPECT_EQ(client::hmac_md2(bytes_of(key), bytes_of("Hi There")), client::md2(bytes_of(outer)));
}

}  // namespace
