# Writes a script into a header: cmake -DOUTPUT=... -DSCRIPT=... -P embed.cmake
file(READ ${SCRIPT} text)
file(WRITE ${OUTPUT} "// lock_list.py, as it was at build time.\n#pragma once\n\nnamespace exec {\n\nconstexpr const char* lock_list = R\"script(${text})script\";\n\n}  // namespace exec\n")
