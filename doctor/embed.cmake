# Writes the texts of a folder into a header: cmake -DOUTPUT=... -DFOLDER=... -P embed.cmake
set(content "// The texts of doctor/causes, as they were at build time.\n#pragma once\n#include <string_view>\n\nnamespace outboard::doctor {\n\nconstexpr std::string_view causes_text[] = {\n")
file(GLOB files ${FOLDER}/*.json)
foreach(file IN LISTS files)
  file(READ ${file} text)
  string(APPEND content "R\"json(${text})json\",\n")
endforeach()
string(APPEND content "};\n\n}  // namespace outboard::doctor\n")
file(WRITE ${OUTPUT} "${content}")
