// outboard doctor --on TARGET: the doctor of another machine, as a service of the server there.
#pragma once
#include "cli/doctor.h"
#include "server/services.h"

namespace cli {

// The near side: asks, prints, gives the exit code.
int doctor_there(const DoctorOptions& options);

// The far side. It looks and reports; it mends nothing, and reads no file that the asker names.
int serve_doctor(links::Link stream, const server::ServiceRequest& request);

}  // namespace cli
