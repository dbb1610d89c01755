// The end of a job: its results are put aside, what was sent for it goes, the database says how it ended.
#pragma once
#include <string>

#include "base/result.h"
#include "exec/far/jobs.h"
#include "exec/far/results.h"
#include "exec/spec.h"

namespace exec {

// `job.state` and `job.why` say how it ended, as far as that is known.
base::Status finish_job(const Place& place, Jobs& jobs, Job job, const Spec& spec, const Snapshot& before, int code);

// Written beside the results: what is not among them, and globs that matched nothing.
inline constexpr const char* notes_name = "/notes.json";

}  // namespace exec
