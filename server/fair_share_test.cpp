// Shares over simulated processors: what a session gets is what it was allowed, as far as it can use it and as far as
// the machine has it.
#include "server/fair_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace {

using server::FairShare;

struct Program {
  double weight;
  double threads;              // that it can use
  double busy = 1;             // part of the moments in which it has work
  double uncounted = 0;        // processors that it uses beside its kernels, whatever it is allowed
  bool short_kernels = false;  // and says what they use
  uint64_t from_ms = 0;
  FairShare::Member member{};
  double got = 0;
};

constexpr double moment = 3e6;

// Equal turns for equal threads, as an operating system gives them. `stolen`: processors that others use.
void run(std::vector<Program>& programs, uint64_t milliseconds, double processors = 2, double stolen = 0) {
  FairShare share(static_cast<unsigned>(processors));
  std::mt19937 random(7);
  std::vector<FairShare::Member*> members;
  for (Program& program : programs) program.member.weight = program.weight, members.push_back(&program.member);
  for (uint64_t now = 3'000'000; now < milliseconds * 1'000'000; now += 3'000'000) {
    double wanted = stolen;
    std::vector<double> kernels(programs.size());
    for (size_t i = 0; i < programs.size(); ++i) {
      Program& program = programs[i];
      bool works = now >= program.from_ms * 1'000'000 && random() % 1000 < program.busy * 1000;
      kernels[i] = works ? std::min<double>(program.threads, program.member.allowed) : 0;
      program.member.running = static_cast<uint32_t>(kernels[i]);
      program.member.held = works ? static_cast<uint32_t>(program.threads - kernels[i]) : 0;
      program.member.launches += (kernels[i] > 0) * (program.short_kernels ? 100 : 1);
      wanted += kernels[i] + (kernels[i] > 0 ? program.uncounted : 0);
    }
    const double part = std::min(1.0, processors / std::max(wanted, 1e-9));
    for (size_t i = 0; i < programs.size(); ++i) {
      double used = (kernels[i] + (kernels[i] > 0 ? programs[i].uncounted : 0)) * part;
      programs[i].member.device_ns += static_cast<uint64_t>(used * moment);
      programs[i].member.waited_ns += static_cast<uint64_t>(kernels[i] * (1 - part) * moment);
      if (programs[i].short_kernels) programs[i].member.kernels_ns += static_cast<uint64_t>(kernels[i] * part * moment);
      programs[i].got += programs[i].short_kernels ? kernels[i] * part : used;
    }
    share.decide(members, now);
  }
}

double share_of(const std::vector<Program>& programs, size_t which) {
  double all = 0;
  for (const Program& program : programs) all += program.got;
  return programs[which].got / all * 100;
}

TEST(FairShare, FollowsTheWeights) {
  for (auto [a, b] : {std::pair{25.0, 75.0}, {50.0, 50.0}, {10.0, 90.0}, {1.0, 99.0}, {60.0, 20.0}}) {
    std::vector<Program> two{{a, 2}, {b, 2}};
    run(two, 4000);
    EXPECT_NEAR(share_of(two, 0), a / (a + b) * 100, 4) << a << " " << b;
  }
  std::vector<Program> four{{10, 2}, {20, 2}, {30, 4}, {40, 1}};
  run(four, 4000);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(share_of(four, i), 10.0 * (double(i) + 1), 4) << i;
}

TEST(FairShare, FollowsTheWeightsBesideOtherLoad) {
  std::vector<Program> two{{25, 2}, {75, 2}};
  run(two, 4000, 2, 3);
  EXPECT_NEAR(share_of(two, 0), 25, 3);
}

TEST(FairShare, CountsWhatSessionsDoBesideTheirKernels) {
  std::vector<Program> two{{25, 1, 1, 0.7}, {75, 1, 1, 0.7}};
  run(two, 4000);
  EXPECT_NEAR(share_of(two, 0), 25, 5);
}

// Whatever each needs beside them.
TEST(FairShare, CountsWhatShortKernelsUse) {
  std::vector<Program> two{{25, 2, 1, 0.2, true}, {75, 2, 1, 1.5, true}};
  run(two, 4000);
  EXPECT_NEAR(share_of(two, 0), 25, 3);
}

TEST(FairShare, BelievesNobodyWhoSaysThatKernelsUseNothing) {
  std::vector<Program> two{{50, 2}, {50, 2}};
  two[0].member.kernels_ns = 1;
  run(two, 4000);
  EXPECT_LT(share_of(two, 0), 95);
}

TEST(FairShare, GivesEverythingToWhoeverIsAlone) {
  std::vector<Program> one{{5, 2}, {95, 2, 0}};
  run(one, 1000);
  EXPECT_NEAR(one[0].got, 1000 / 3 * 2, 10);
  EXPECT_EQ(one[0].member.allowed, FairShare::everything);
}

TEST(FairShare, LeavesNoProcessorIdleForWhoCannotUseIt) {
  std::vector<Program> two{{75, 1}, {25, 2}};
  run(two, 2000);
  EXPECT_NEAR(two[0].got + two[1].got, 2000 / 3 * 2, 100);  // it takes 300 ms to find out
  EXPECT_NEAR(share_of(two, 0), 50, 5);
}

TEST(FairShare, SavesNothingUp) {
  std::vector<Program> late{{50, 2}, {50, 2, 1, 0, false, 2000}};
  run(late, 4000);
  EXPECT_NEAR(late[1].got, 1000 / 3 * 2, 40);
}

TEST(FairShare, HoldsNobodyForWhoIsMostlyIdle) {
  std::vector<Program> two{{90, 2, 0.02}, {10, 2}};
  run(two, 3000);
  EXPECT_GT(two[1].got, 3000 / 3 * 2 * 0.8);
}

}  // namespace
