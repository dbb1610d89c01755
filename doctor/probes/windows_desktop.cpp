// Windows' own Remote Desktop, asked from WSL: its settings through reg.exe, what its last session wrote into the log
// through wevtutil.exe, the adapters that programs are given through powershell.exe.
#include <array>

#include "doctor/probes/interop.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

constexpr const char* event_log = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

struct Wanted {
  const char* key;
  std::array<const char*, 5> names;
};
// Policies are last: they rule over settings of the same name.
constexpr Wanted wanted[] = {
    {R"(HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion)", {"EditionID"}},
    {R"(HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server)", {"fDenyTSConnections"}},
    {R"(HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations)", {"DWMFRAMEINTERVAL"}},
    {R"(HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services)",
     {"fDenyTSConnections", "bEnumerateHWBeforeSW", "AVCHardwareEncodePreferred", "AVC444ModePreferred",
      "fEnableWddmDriver"}}};

// IDXGIFactory1 by its slots: EnumAdapters1 is the 13th method, IDXGIAdapter::GetDesc the 9th, and a description begins
// with 128 UTF-16 units of the name (dxgi.h). `~` stands for a double quote, which two command lines would not let
// pass.
constexpr const char* adapters_script = R"(
$ErrorActionPreference='Stop'
[Console]::OutputEncoding=[Text.Encoding]::UTF8
$source='using System; using System.Runtime.InteropServices; using System.Text;
public static class Adapters {
 [DllImport(~dxgi.dll~)] static extern int CreateDXGIFactory1(ref Guid id, out IntPtr factory);
 delegate int EnumAdapters(IntPtr self, uint index, out IntPtr adapter);
 delegate int GetDesc(IntPtr self, IntPtr description);
 static object Method(IntPtr self, int slot, Type type) {
  IntPtr entry = Marshal.ReadIntPtr(Marshal.ReadIntPtr(self), slot * IntPtr.Size);
  return Marshal.GetDelegateForFunctionPointer(entry, type); }
 public static string All() {
  Guid id = new Guid(~770aae78-f26f-4dba-a829-253c83d1b387~); IntPtr factory, adapter;
  if (CreateDXGIFactory1(ref id, out factory) != 0) return ~~;
  EnumAdapters next = (EnumAdapters)Method(factory, 12, typeof(EnumAdapters));
  StringBuilder text = new StringBuilder(); IntPtr description = Marshal.AllocHGlobal(1024);
  for (uint index = 0; index < 16 && next(factory, index, out adapter) == 0; index++) {
   GetDesc get = (GetDesc)Method(adapter, 8, typeof(GetDesc));
   if (get(adapter, description) == 0) text.Append(~adapter=~ + Marshal.PtrToStringUni(description) + ~\n~);
   Marshal.Release(adapter); }
  return text.ToString(); } }' -replace '~',[string][char]34
Add-Type -TypeDefinition $source
[Adapters]::All()
'end=yes'
)";

constexpr const char* elsewhere =
    "this is not WSL. Ask in a WSL of that Windows; --bundle FILE writes there what --replay FILE reads here";

// What stands between <name ...> and </name>, from `from` on; the five entities of XML 1.0 (4.6) are put back.
std::string element(const std::string& xml, const std::string& name, size_t& from) {
  size_t open = xml.find("<" + name, from);
  size_t start = open == xml.npos ? xml.npos : xml.find('>', open);
  size_t end = start == xml.npos ? xml.npos : xml.find("</" + name + ">", start);
  from = end;
  if (end == xml.npos) return {};
  std::string text = xml.substr(start + 1, end - start - 1);
  constexpr std::array<std::pair<const char*, const char*>, 5> entities = {
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}}};
  for (const auto& [entity, character] : entities)
    for (size_t at = text.find(entity); at != text.npos; at = text.find(entity, at + 1))
      text.replace(at, std::string_view(entity).size(), character);
  return text;
}

// The event's message in one line; where Windows gives none, its values.
std::string message_of(const std::string& event) {
  size_t at = 0;
  std::string message(trim(element(event, "Message", at)));
  if (message.empty())
    for (at = 0; at != event.npos;)
      if (std::string value = element(event, "Data", at); at != event.npos)
        message += (message.empty() ? "" : " ") + value;
  for (char& c : message)
    if (c == '\n' || c == '\r') c = ' ';
  return message;
}

void say_event(const Place& place, const char* id, Sink& sink) {
  const std::string key = std::string("w:rdp.event") + id;
  const std::string query = std::string("/q:*[System[(EventID=") + id + ")]]";
  Output output = run_command(
      place,
      {program(place, "wevtutil.exe", "wevtutil.exe"), "qe", event_log, query, "/c:1", "/rd:true", "/f:RenderedXml"},
      milliseconds(1500));
  std::string text(trim(from_windows(output.out)));
  std::string said(trim(from_windows(output.err)));
  if (!output.ran) return sink.unknown(key, output.why);
  if (output.exit != 0) return sink.unknown(key, "wevtutil.exe failed: " + (said.empty() ? text : said));
  if (!text.empty()) sink.set(key, message_of(text));
}

}  // namespace

void probe_windows_desktop(const Place& place, Sink& sink) {
  if (!is_wsl(place)) return sink.unknown("w:rdp.*", elsewhere);
  if (!can_ask(place, "w:rdp.*", sink)) return;
  for (const Wanted& each : wanted) {
    RegistryKey key = query_registry(place, each.key);
    // All or nothing: a value that could not be read must not look like one that is not set.
    if (!key.answered) return sink.unknown("w:rdp.*", "reg.exe on the Windows side gave no answer");
    for (const char* name : each.names)
      if (name && key.values.contains(name)) sink.set(std::string("w:rdp.") + name, key.values[name]);
  }
  sink.set("w:rdp.asked", "yes");
  for (const char* id : {"162", "170"}) say_event(place, id, sink);
}

void probe_windows_adapters(const Place& place, Sink& sink) {
  if (!is_wsl(place) || !can_ask(place, "w:rdp.adapters", sink)) return;
  Output output = run_powershell(place, adapters_script, milliseconds(8000));
  std::string adapters;
  const std::string answer = from_windows(output.out);
  for (const std::string& line : lines(answer))
    if (line.starts_with("adapter=")) adapters += (adapters.empty() ? "" : "\n") + line.substr(8);
  if (!contains(answer, "end=yes"))
    return sink.unknown("w:rdp.adapters", output.ran ? "powershell.exe could not ask DXGI" : output.why);
  sink.set("w:rdp.adapters", adapters);
}

}  // namespace outboard::doctor::probes
