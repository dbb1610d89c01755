#include "client/queued.h"

#include <gtest/gtest.h>

namespace {

using client::Effect, client::Queued;
namespace role = api::role;

constexpr uint64_t context = 1;

// What a program does, as rows see it.
class QueuedTest : public testing::Test {
 protected:
  CUresult run(const char* function, std::vector<api::Role> roles, bool waits = false, CUresult result = CUDA_SUCCESS) {
    const Effect effect = client::effect_of(function, waits);
    if (auto known = queued.answer(effect, roles, context)) return ++answered, *known;
    auto covered = queued.covered(effect, roles, context);
    queued.note(effect, roles, context, result, covered);
    return result;
  }
  CUstream stream(unsigned flags) {
    auto made = reinterpret_cast<CUstream>(++numbers);
    CUstream* at = &made;
    run("cuStreamCreate", {role::new_handle(at), role::value(flags)});
    return made;
  }
  CUevent event(unsigned flags = 0) {
    auto made = reinterpret_cast<CUevent>(++numbers);
    CUevent* at = &made;
    run("cuEventCreate", {role::new_handle(at), role::value(flags)});
    return made;
  }
  void launch(CUstream in) { run("obLaunch", {role::handle(in)}); }
  void record(CUevent event, CUstream in) { run("cuEventRecord", {role::handle(event), role::handle(in)}); }
  void wait(CUstream in) { run("cuStreamSynchronize", {role::handle(in)}, true); }
  // Does it go without asking?
  bool goes(const char* function, std::vector<api::Role> roles, CUresult result = CUDA_ERROR_NOT_READY) {
    int before = answered;
    return run(function, roles, true, result) == CUDA_SUCCESS && answered > before;
  }
  bool idle() { return goes("cuCtxSynchronize", {}); }
  bool idle(CUstream in) { return goes("cuStreamSynchronize", {role::handle(in)}); }
  bool reached(CUevent event) { return goes("cuEventQuery", {role::handle(event)}); }

  Queued queued;
  uint64_t numbers = 16;
  int answered = 0;
  CUstream legacy = nullptr;
};

TEST_F(QueuedTest, nothing_was_queued) {
  EXPECT_TRUE(idle());
  EXPECT_TRUE(idle(legacy));
  EXPECT_TRUE(idle(stream(0)));
  EXPECT_TRUE(reached(event()));  // CUDA Driver API, cuEventQuery: an event that was never recorded
}

TEST_F(QueuedTest, a_wait_covers_its_stream) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING), b = stream(CU_STREAM_NON_BLOCKING);
  launch(a), launch(b);
  EXPECT_FALSE(idle(a));
  wait(a);
  EXPECT_TRUE(idle(a));
  EXPECT_FALSE(idle(b));
  EXPECT_FALSE(idle());
  wait(b);
  EXPECT_TRUE(idle());
  launch(a);
  EXPECT_FALSE(idle(a));
}

TEST_F(QueuedTest, the_legacy_stream_waits_for_blocking_ones_alone) {
  CUstream blocking = stream(0), other = stream(CU_STREAM_NON_BLOCKING);
  launch(blocking), launch(other);
  EXPECT_FALSE(idle(legacy));
  run("cuMemcpyDtoH_v2", {}, true);
  EXPECT_TRUE(idle(legacy));
  EXPECT_TRUE(idle(blocking));
  EXPECT_FALSE(idle(other));
  EXPECT_FALSE(idle());
  run("cuCtxSynchronize", {}, true);
  EXPECT_TRUE(idle());
  EXPECT_TRUE(idle(other));
}

TEST_F(QueuedTest, a_wait_that_failed_covers_nothing) {
  CUstream a = stream(0);
  launch(a);
  run("cuStreamQuery", {role::handle(a)}, true, CUDA_ERROR_NOT_READY);
  EXPECT_FALSE(idle(a));
  run("cuCtxSynchronize", {}, true, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_FALSE(idle());
}

TEST_F(QueuedTest, what_is_sent_during_a_wait_is_not_covered) {
  CUstream a = stream(0);
  launch(a);
  std::vector<api::Role> roles{role::handle(a)};
  auto covered = queued.covered(Effect::wait_stream, roles, context);
  launch(a);  // another thread
  queued.note(Effect::wait_stream, roles, context, CUDA_SUCCESS, covered);
  EXPECT_FALSE(idle(a));
}

TEST_F(QueuedTest, events_are_places_in_streams) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING);
  CUevent early = event(), late = event();
  launch(a);
  record(early, a);
  launch(a);
  record(late, a);
  EXPECT_FALSE(reached(early));
  run("cuEventSynchronize", {role::handle(early)}, true);
  EXPECT_TRUE(reached(early));
  EXPECT_FALSE(reached(late));
  EXPECT_FALSE(idle(a));
  wait(a);
  EXPECT_TRUE(reached(late));
  record(early, a);
  EXPECT_FALSE(reached(early));
}

TEST_F(QueuedTest, what_others_record_too_is_asked_for) {
  CUstream a = stream(0), recorder = stream(CU_STREAM_NON_BLOCKING);
  CUevent shared = event(CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING), in_graph = event();
  record(shared, a), record(in_graph, a);
  run("obGraphBegin", {role::handle(recorder)});
  record(in_graph, recorder);
  run("cuCtxSynchronize", {}, true);
  record(in_graph, recorder);
  EXPECT_FALSE(reached(shared));
  EXPECT_FALSE(reached(in_graph));
  EXPECT_TRUE(idle()) << "recording is no work";
}

TEST_F(QueuedTest, handles_of_nothing) {
  CUevent none = reinterpret_cast<CUevent>(99);
  EXPECT_EQ(run("cuEventQuery", {role::handle(none)}, true), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(run("cuEventRecord", {role::handle(none), role::handle(legacy)}), CUDA_ERROR_INVALID_HANDLE);
  CUevent gone = event();
  EXPECT_EQ(run("cuEventDestroy_v2", {role::gone(gone)}), CUDA_SUCCESS);
  EXPECT_EQ(run("cuEventDestroy_v2", {role::gone(gone)}), CUDA_ERROR_INVALID_HANDLE);
  launch(reinterpret_cast<CUstream>(99));
  EXPECT_FALSE(idle()) << "the device has an error to tell";
}

TEST_F(QueuedTest, work_of_a_stream_that_was_destroyed_goes_on) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING);
  launch(a);
  run("cuStreamDestroy_v2", {role::gone(a)});
  EXPECT_FALSE(idle());
  run("cuCtxSynchronize", {}, true);
  EXPECT_TRUE(idle());
}

TEST_F(QueuedTest, the_device_tells_of_places_that_are_watched) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING);
  CUevent at = event();
  std::vector<api::Role> event_roles{role::handle(at)}, stream_roles{role::handle(a)};
  launch(a);
  record(at, a);
  EXPECT_EQ(queued.watch_record(event_roles), 0u) << "nobody has asked for it yet";
  EXPECT_FALSE(queued.watched(Effect::query_event, event_roles, context));
  uint64_t first = queued.watch(Effect::query_event, event_roles, context);
  EXPECT_TRUE(queued.watched(Effect::query_event, event_roles, context));
  launch(a);
  uint64_t second = queued.watch(Effect::query_stream, stream_roles, context);
  EXPECT_TRUE(queued.watched(Effect::query_stream, stream_roles, context));
  queued.end_watch(first, CUDA_SUCCESS);
  EXPECT_TRUE(reached(at));
  EXPECT_FALSE(idle(a));
  queued.end_watch(second, CUDA_SUCCESS);
  EXPECT_TRUE(idle(a));
  launch(a);
  EXPECT_FALSE(queued.watched(Effect::query_stream, stream_roles, context)) << "there is more now";
  record(at, a);
  uint64_t third = queued.watch_record(event_roles);
  EXPECT_NE(third, 0u);
  queued.end_watch(third, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_FALSE(queued.watched(Effect::query_event, event_roles, context)) << "to be asked for";
  EXPECT_FALSE(reached(at));
  queued.end_watch(third, CUDA_SUCCESS);
  queued.end_watch(77, CUDA_SUCCESS);  // a server that tells what nobody wants to know
  EXPECT_FALSE(reached(at));
}

TEST_F(QueuedTest, the_legacy_stream_is_watched_too) {
  std::vector<api::Role> roles{role::handle(legacy)};
  launch(stream(0));
  uint64_t watch = queued.watch(Effect::query_stream, roles, context);
  ASSERT_NE(watch, 0u);
  EXPECT_FALSE(idle(legacy));
  queued.end_watch(watch, CUDA_SUCCESS);
  EXPECT_TRUE(idle(legacy));
}

}  // namespace
