// Windows' Remote Desktop through fake programs of Windows, whose outputs have the form of reg.exe's and
// wevtutil.exe's.
#include "doctor/probes/made_root.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr const char* policies =
    "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services\r\n"
    "    bEnumerateHWBeforeSW    REG_DWORD    0x1\r\n    AVC444ModePreferred    REG_DWORD    0x0\r\n"
    "    SelectTransport    REG_DWORD    0x1\r\n\r\n";
constexpr const char* server =
    "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\r\n"
    "    AllowRemoteRPC    REG_DWORD    0x0\r\n    fDenyTSConnections    REG_DWORD    0x0\r\n"
    "    ProductVersion    REG_SZ    5.1\r\n\r\n"
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\r\n";
constexpr const char* stations =
    "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\r\n"
    "    DWMFRAMEINTERVAL    REG_DWORD    0xf\r\n\r\n";
constexpr const char* edition =
    "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\r\n"
    "    CurrentBuild    REG_SZ    22631\r\n    EditionID    REG_SZ    Professional\r\n\r\n";
constexpr const char* event170 =
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS'/><EventID>170</EventID>"
    "<TimeCreated SystemTime='2026-02-11T08:15:30.123Z'/></System>"
    "<EventData><Data Name='EncoderEnabled'>1</Data><Data Name='Name'>NVIDIA</Data></EventData>"
    "<RenderingInfo Culture='en-US'><Message>AVC hardware encoder enabled: 1,\r\nencoder &lt;NVIDIA&gt;</Message>"
    "</RenderingInfo></Event>\r\n";
constexpr const char* event162 =
    "<Event><System><EventID>162</EventID></System><EventData><Data Name='Avc'>1</Data>"
    "<Data Name='Profile'>2048</Data></EventData></Event>\r\n";

class RemoteDesktop : public testing::Test {
 protected:
  RemoteDesktop() {
    root.write("/proc/version", "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)");
    root.write("/proc/sys/fs/binfmt_misc/WSLInterop", "enabled\n");
    root.place.path = "/usr/bin:/bin";
    for (auto [name, text] : {std::pair{"policies", policies},
                              {"server", server},
                              {"stations", stations},
                              {"edition", edition},
                              {"170", event170},
                              {"162", event162}})
      root.write(std::string("/answers/") + name, text);
    std::string answers = root.real("/answers");
    program("reg.exe", "case \"$2\" in *Policies*) cat " + answers + "/policies;; *WinStations) cat " + answers +
                           "/stations;; *'Terminal Server') cat " + answers + "/server;; *) cat " + answers +
                           "/edition;; esac");
    program("wevtutil.exe", "case \"$3\" in *170*) cat " + answers + "/170;; *) cat " + answers + "/162;; esac");
  }
  void program(const std::string& name, const std::string& script) {
    root.command("/mnt/c/Windows/System32/" + name, script);
  }
  Facts ask() { return root.probe(probe_windows_desktop, "w:rdp.*"); }

  MadeRoot root;
};

TEST_F(RemoteDesktop, SettingsAndEvents) {
  Facts facts = ask();
  EXPECT_EQ(facts.text("w:rdp.asked"), "yes");
  EXPECT_EQ(facts.text("w:rdp.bEnumerateHWBeforeSW"), "1");
  EXPECT_EQ(facts.text("w:rdp.AVC444ModePreferred"), "0");
  EXPECT_EQ(facts.text("w:rdp.DWMFRAMEINTERVAL"), "15");
  EXPECT_EQ(facts.text("w:rdp.fDenyTSConnections"), "0");
  EXPECT_EQ(facts.text("w:rdp.EditionID"), "Professional");
  EXPECT_TRUE(facts.absent("w:rdp.AVCHardwareEncodePreferred"));
  EXPECT_TRUE(facts.absent("w:rdp.SelectTransport"));
  EXPECT_EQ(facts.text("w:rdp.event170"), "AVC hardware encoder enabled: 1, encoder <NVIDIA>");
  EXPECT_EQ(facts.text("w:rdp.event162"), "1 2048");  // the words are missing where Windows does not have them
}

TEST_F(RemoteDesktop, AKeyThatIsNotThereHasNoValues) {
  program("reg.exe",
          "printf 'ERROR: The system was unable to find the specified registry key or value.\\r\\n' >&2; exit 1");
  program("wevtutil.exe", "exit 0");  // no such event
  Facts facts = ask();
  EXPECT_TRUE(facts.has("w:rdp.asked"));
  EXPECT_TRUE(facts.absent("w:rdp.bEnumerateHWBeforeSW"));
  EXPECT_TRUE(facts.absent("w:rdp.event170"));
}

TEST_F(RemoteDesktop, WhatCouldNotBeReadIsUnknown) {
  program("wevtutil.exe", "printf 'Failed to open event query.\\r\\nAccess is denied.\\r\\n' >&2; exit 5");
  EXPECT_TRUE(ask().why_unknown("w:rdp.event170"));
  program("reg.exe", "sleep 20");
  Facts facts = ask();
  EXPECT_TRUE(facts.why_unknown("w:rdp.bEnumerateHWBeforeSW"));
  EXPECT_FALSE(facts.has("w:rdp.asked"));
  root.write("/proc/version", "Linux version 6.1.0-28-amd64");
  EXPECT_TRUE(ask().why_unknown("w:rdp.asked"));
}

TEST_F(RemoteDesktop, BrokenEventsAreSurvived) {
  for (const char* text : {"<Event", "<Message>", "<Data>&amp;", "<Message></Message><Data", "<Data></Data>"}) {
    root.write("/answers/170", text);
    EXPECT_TRUE(ask().has("w:rdp.event170")) << text;
  }
}

TEST_F(RemoteDesktop, AdaptersInTheirOrder) {
  auto adapters = [&] { return root.probe(probe_windows_adapters, "w:rdp.adapters"); };
  program("WindowsPowerShell/v1.0/powershell.exe",
          "printf 'adapter=NVIDIA RTX A2000\\r\\nadapter=Microsoft Basic Render Driver\\r\\n\\r\\nend=yes\\r\\n'");
  EXPECT_EQ(adapters().text("w:rdp.adapters"), "NVIDIA RTX A2000\nMicrosoft Basic Render Driver");
  program("WindowsPowerShell/v1.0/powershell.exe", "echo 'Add-Type : Cannot add type.'; exit 1");
  EXPECT_TRUE(adapters().why_unknown("w:rdp.adapters"));
}

}  // namespace

}  // namespace outboard::doctor::probes
