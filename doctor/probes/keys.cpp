// The list of facts.
#include "doctor/probes/keys.h"

#include "doctor/facts.h"

namespace outboard::doctor::probes {

namespace {

constexpr Key table[] = {
    {"i:uid", true, "the process"},
    {"i:groups", true, "the process, names from /etc/group; the first is the primary group"},
    {"i:arch", true, "uname"},
    {"i:libc", true, "the banner in libc.so.6; where there is none, what musl's loader says"},
    {"e:*", true, "the environment: variables of GPU programs, loaders, containers, schedulers"},
    {"f:/lib/modules/*", true,
     "kernel modules: 'ko' and the version of .modinfo; xz and gzip unpacked for the running kernel"},
    {"f:/lib/firmware/*", true, "'fw', or empty for an empty file"},
    {"f:/sys/bus/pci/*", true,
     "displays, accelerators, GPU makers' bridges, virtual machines' devices; 'driver' is where the link leads"},
    {"f:/usr/lib/wsl/drivers/*", true, "GPU makers' folders of the driver store alone"},
    {"f:/proc/self/maps", true, "the libraries that were put into this process, as a list of paths"},
    {"f:/var/log/*", true, "the log's end, where it may be read; c:systemctl.fabricmanager has the last lines, too"},
    {"f:*.so*", true, "ELF class, machine, C library, version or role"},
    {"f:*", true, "the file's text"},
    {"n:/dev/*", true, "stat, and open for reading and writing; the error stays"},
    {"k:dmesg", true, "syslog(2), else journalctl -k: lines that name GPUs and their drivers"},
    {"p:want", true, "the program after --: what it needs, links or names; else the caller says it"},
    {"p:proc.elfclass", true, "the program after --, else this one"},
    {"p:virt", true, "files that container engines leave, DMI, CPUID; not set in WSL outside a container"},
    {"p:virt.vm", true, "DMI, CPUID"},
    {"p:virt.image", true, "in a micro virtual machine: the container engine whose marks its image has"},
    {"p:secureboot", true, "the EFI variable SecureBoot"},
    {"p:kconfig.*", true, "/boot/config-*, /proc/config.gz"},
    {"p:module.signed", true, "whether the running kernel's nvidia.ko ends with a signature"},
    {"p:pci.gone", true, "PCI functions whose configuration reads as ones"},
    {"p:pci.no-bar1", true, "NVIDIA functions whose second window has no address"},
    {"p:ze.*", true, "libze_loader.so.1 in a child: Level Zero's devices"},
    {"p:kfd.*", true, "/sys/class/kfd topology"},
    {"p:rocm.lib", true, "/opt/rocm/.info/version"},
    {"p:rocm.kmd_branch", true, "/sys/module/amdgpu/version, which modules from AMD's packages have"},
    {"p:parent.env", true, "/proc/PID/environ of up to four ancestors: GPU variables that are not here"},
    {"p:resolve.*", true, "the file that the dynamic loader would take ('why' and 'all' beside it); read, not loaded"},
    {"p:needs.*", true, "the first library that a vendor file's driver needs and the search does not find"},
    {"p:ldcache", true, "GPU libraries in /etc/ld.so.cache"},
    {"p:umd.missing", true,
     "the first library that a library of the WSL driver store needs and the search does not find"},
    {"p:dxg.*", true, "open and ioctl of /dev/dxg, in a child; software adapters are not counted"},
    {"p:dxcore.*", true, "libdxcore.so, in a child"},
    {"p:cuda.cuInit", true, "libcuda.so.1 in a child: cuInit's code, 'dlopen-failed' or 'timeout'"},
    {"p:cuda.nocvd*", true, "the same in a child without CUDA_VISIBLE_DEVICES; 100 when it then sees no device either"},
    {"p:cuda.last_error", false, "the error of a call that the program makes; --explain-text takes it"},
    {"p:cuda.*", true,
     "libcuda.so.1 in a child: path, driver version, devices, the code of retaining the first's context"},
    {"p:dlopen.error", true, "why libcuda.so.1 could not be loaded"},
    {"p:nvml.*", true, "libnvidia-ml.so.1 in a child: init's code, devices, and what the first device says"},
    {"p:cc", true, "NVML: confidential computing, and whether GPUs are set ready"},
    {"p:cl.*", true, "libOpenCL.so.1 in a child: platforms that have a GPU or accelerator; all names"},
    {"p:vk.*", true,
     "libvulkan.so.1 in a child: hardware devices, software ones when there are no others; the loader's error"},
    {"p:egl.*", true, "libEGL.so.1 in a child: devices that are not software"},
    {"p:gl.*", true, "libEGL.so.1 in a child: OpenGL's renderer on the display, else on the first device"},
    {"p:hip.*", true, "libhsa-runtime64.so.1, libamdhip64.so in a child"},
    {"p:nvidia-smi.exit", true, "how nvidia-smi of WSL ends (139: it crashed)"},
    {"p:cudart.version", true,
     "the program after --: the file that libcudart.so leads to, or the release that wrote its PTX"},
    {"p:cudart.error", false, "what the program's CUDA runtime answers; the program is not run"},
    {"p:module.load", false, "what loading the program's kernels answers; p:app.architectures says what it holds"},
    {"p:app.error", false, "an error that the program printed; --explain-text takes it"},
    {"p:app.build", true, "the program after --: builds of the Python frameworks that its script imports"},
    {"p:app.missing", true, "the program after --: libraries that the search does not find, the driver's own left out"},
    {"p:app.*", true, "the program after --: ELF header, needed libraries, fat binaries"},
    {"c:docker.run", false, "an error that a person pastes; nothing is started"},
    {"c:podman.run", false, "an error that a person pastes; nothing is started"},
    {"c:kubectl.events", false, "an error that a person pastes; the cluster is not asked"},
    {"c:audit", false, "the audit log needs root; k:dmesg has the same lines where there is no audit daemon"},
    {"c:ls*", false, "an error that a person pastes"},
    {"c:systemd.unit", true, "systemctl show of the unit that this process runs under"},
    {"c:*", true, "a command of that name, where it is installed"},
    {"w:wsl.last_error", false, "an error that wsl.exe printed when WSL did not start; --explain-text takes it"},
    {"w:dda.assignable", false, "Get-VMHostAssignableDevice needs an administrator on Windows"},
    {"w:nvsmi.*", true, "nvidia-smi.exe; a value for each GPU, with ', ' between them"},
    {"w:wsl.version", true, "wsl.exe --version; 'inbox' for the one that has none"},
    {"w:gpu.*", true, "Win32_PnPEntity, Win32_VideoController: a line for each GPU, NVIDIA before AMD before Intel"},
    {"w:docker.backend", true, "Docker Desktop's settings-store.json: wsl2 or hyper-v"},
    {"w:hypervisor.vm", true, "Win32_ComputerSystem: whether Windows itself is a virtual machine"},
    {"w:rdp.session", true, "whether this is a Remote Desktop session: Windows' SESSIONNAME"},
    {"w:rdp.event*", true,
     "for desktop: the last such event of RemoteDesktopServices-RdpCoreTS/Operational, in one line"},
    {"w:rdp.adapters", true,
     "for desktop: CreateDXGIFactory1's adapters through powershell.exe, in order, a line each"},
    {"w:rdp.*", true, "for desktop: Remote Desktop's registry values in decimal, policies before settings"},
    {"w:*", true, "one call of powershell.exe; reg.exe where it does not answer"},
};

}  // namespace

std::span<const Key> keys() { return table; }

const Key* key_row(std::string_view key) {
  for (const Key& row : table)
    if (matches(key, row.pattern)) return &row;
  return nullptr;
}

}  // namespace outboard::doctor::probes
