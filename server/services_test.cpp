// A service runs in a process of its own and ends with its client.
#include "server/services.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

int echo(links::Link stream, const server::ServiceRequest& request) {
  iovec hello[] = {{const_cast<char*>(request.program.data()), request.program.size()}};
  if (!stream.write_all(hello)) return 1;
  char bytes[64];
  for (ssize_t got; (got = stream.read_some(bytes, sizeof bytes)) > 0;) {
    iovec back[] = {{bytes, static_cast<size_t>(got)}};
    if (!stream.write_all(back)) return 1;
  }
  return 7;
}

constexpr server::Service services[] = {{"echo", false, echo}};

std::string read_text(links::Link& link, size_t size) {
  std::string text(size, 0);
  return link.read_all(text.data(), size, 5000) ? text : "(nothing)";
}

TEST(services, unknown_ones_are_refused_with_a_sentence) {
  EXPECT_EQ(server::find_service(services, "echo").value(), &services[0]);
  EXPECT_NE(server::find_service(services, "other").error().find("does not know 'other'"), std::string::npos);
  EXPECT_NE(server::find_service({}, "echo").error().find("--exec"), std::string::npos);
}

TEST(services, a_process_of_its_own_that_ends_with_its_client) {
  auto started = server::start_service(services[0], {"hello", {}, {}, "test"});
  ASSERT_TRUE(started.ok()) << started.error();
  {
    links::Link link(std::move(started.value()));
    EXPECT_EQ(read_text(link, 5), "hello");
    iovec ping[] = {{const_cast<char*>("ping"), 4}};
    ASSERT_TRUE(link.write_all(ping));
    EXPECT_EQ(read_text(link, 4), "ping");
  }
  int status = 0;
  ASSERT_GT(wait(&status), 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(services, are_tended_in_another_process) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  dup2(ends[1], 1000);  // a descriptor of the server's, which is not to be there
  const server::Service tended[] = {
      {"idle", false, echo},
      {"busy", false, echo, [] { _exit(fcntl(1000, F_GETFD) < 0 && getppid() != getpid() ? 9 : 1); }}};
  server::tend_services(std::span(tended).first(1));
  int status = 0;
  EXPECT_LT(wait(&status), 0) << "a process for nothing";
  server::tend_services(tended);
  ASSERT_GT(wait(&status), 0);
  EXPECT_EQ(WEXITSTATUS(status), 9);
  for (int each : {ends[0], ends[1], 1000}) close(each);
}

TEST(services, bytes_are_carried_both_ways_until_both_have_ended) {
  int client[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
  auto started = server::start_service(services[0], {"hello", {}, {}, "test"});
  ASSERT_TRUE(started.ok()) << started.error();
  base::Fd near(client[0]), far(client[1]);
  pid_t carrier = fork();
  if (!carrier) {
    near.close();
    server::relay(links::Link(std::move(far)), std::move(started.value()));
  }
  far.close();
  started.value().close();
  links::Link link(std::move(near));
  EXPECT_EQ(read_text(link, 5), "hello");
  std::string large(1 << 20, 'x');
  iovec piece[] = {{large.data(), large.size()}};
  pid_t writer = fork();
  if (!writer) _exit(link.write_all(piece) ? 0 : 1);
  EXPECT_EQ(read_text(link, large.size()), large);
  int status = 0;
  ASSERT_EQ(waitpid(writer, &status, 0), writer);
  EXPECT_EQ(status, 0);
  shutdown(link.socket(), SHUT_WR);
  EXPECT_EQ(waitpid(carrier, &status, 0), carrier);
  EXPECT_EQ(status, 0);
}

}  // namespace
