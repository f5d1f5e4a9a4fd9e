# Writes OUTPUT: C++ that holds the bytes of FILES as the functions NAMES declared in analysis/assets.h.
# Bytes and not string literals, whose guaranteed length ends at 65,536 characters.
list(LENGTH FILES count)
math(EXPR last "${count} - 1")
set(text "#include \"analysis/assets.h\"\n\nnamespace fluence::analysis::assets {\n")
foreach(index RANGE ${last})
  list(GET FILES ${index} file)
  list(GET NAMES ${index} name)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND text "\nstd::string_view ${name}() {\n    static const char bytes[] = {${bytes}};\n"
         "    return {bytes, sizeof bytes};\n}\n")
endforeach()
string(APPEND text "\n}  // namespace fluence::analysis::assets\n")
file(WRITE ${OUTPUT} "${text}")
