// Who is let in to the page: a token once, then its cookie; no other host, no other page.
#include "desktop/web/doorkeeper.h"

#include <gtest/gtest.h>

namespace {

using namespace desktop;
using namespace desktop::web;

TEST(Doorkeeper, a_token_opens_once_and_its_cookie_after_that) {
  Credentials credentials;
  const std::string token = credentials.make(1, Credentials::Seconds(60)).password;
  Doorkeeper door(credentials);
  std::string cookie, again;
  EXPECT_FALSE(door.knows(""));
  ASSERT_EQ(door.enter(token, cookie), Doorkeeper::Answer::entered);
  EXPECT_NE(cookie.find("HttpOnly; SameSite=Strict"), std::string::npos);
  const std::string pair = cookie.substr(0, cookie.find(';'));
  EXPECT_TRUE(door.knows(pair));
  EXPECT_TRUE(door.knows("other=1; " + pair + "; more=2"));
  EXPECT_FALSE(door.knows("x" + pair));
  EXPECT_FALSE(door.knows(pair.substr(0, pair.size() - 1)));
  EXPECT_FALSE(door.knows(pair + "0"));
  EXPECT_EQ(door.enter(token, again), Doorkeeper::Answer::wrong);
  EXPECT_EQ(again, "");
  Doorkeeper other(credentials);
  EXPECT_FALSE(other.knows(pair));
}

TEST(Doorkeeper, wrong_tokens_slow_everybody_down) {
  Credentials credentials;
  Doorkeeper door(credentials);
  std::string cookie;
  auto answer = Doorkeeper::Answer::wrong;
  for (int tries = 0; tries < 20 && answer == Doorkeeper::Answer::wrong; ++tries) answer = door.enter("guess", cookie);
  EXPECT_EQ(answer, Doorkeeper::Answer::later);
  EXPECT_EQ(door.enter("", cookie), Doorkeeper::Answer::later);
}

TEST(Doorkeeper, other_hosts_and_other_pages_stay_outside) {
  for (const char* host : {"127.0.0.1:8080", "localhost:1", "127.0.0.1", "[::1]:8080"}) {
    EXPECT_TRUE(Doorkeeper::is_ours(host, "")) << host;
    EXPECT_TRUE(Doorkeeper::is_ours(host, std::string("http://") + host)) << host;
    EXPECT_FALSE(Doorkeeper::is_ours(host, "http://evil.example")) << host;
    EXPECT_FALSE(Doorkeeper::is_ours(host, "null")) << host;
  }
  EXPECT_FALSE(Doorkeeper::is_ours("127.0.0.1:8080", "http://127.0.0.1:8081"));
  for (const char* host :
       {"", "evil.example:8080", "127.0.0.1.evil.example", "127.0.0.1evil:80", "[::1", "10.0.0.1:80"})
    EXPECT_FALSE(Doorkeeper::is_ours(host, "")) << host;
}

}  // namespace
