# Helpers that every folder of Fluence uses to declare its library.

find_package(Git QUIET)

# fluence_library(NAME DEPENDS target...): one static library from the .cpp files of the calling
# folder. A folder with headers alone becomes an interface library. Links enforce the dependency
# table of docs/architecture.md; tests/architecture checks the includes as well.
function(fluence_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
    fluence_compile_options(${name})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_DEPENDS} ${ARG_PRIVATE})
  endif()
endfunction()

# Warnings, language level and sanitizers for Fluence's own code (never for dependencies).
function(fluence_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # No fused multiply-add: the same source gives the same doubles with every compiler and CPU.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
    -Wold-style-cast -Woverloaded-virtual -Wconversion -Wno-sign-conversion -ffp-contract=off)
  if(FLUENCE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(FLUENCE_SANITIZE STREQUAL "address")
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  elseif(FLUENCE_SANITIZE STREQUAL "thread")
    target_compile_options(${target} PRIVATE -fsanitize=thread)
    target_link_options(${target} PUBLIC -fsanitize=thread)
  endif()
  if(FLUENCE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 with sanitizers takes members of std::function in std::regex for uninitialised (its bug 105562).
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# A test's time limit. Sanitizers make processes that fork slow: their address space is large.
set(FLUENCE_TEST_SECONDS 300)
if(FLUENCE_SANITIZE)
  set(FLUENCE_TEST_SECONDS 1200)
endif()

# fluence_tests(NAME DEPENDS target...): one GoogleTest executable from the *_test.cpp files of the
# calling folder; every test case becomes a ctest.
function(fluence_tests name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  fluence_compile_options(${name})
  target_compile_definitions(${name} PRIVATE FLUENCE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    FLUENCE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" FLUENCE_BINARY="$<TARGET_FILE_DIR:fluence>/fluence")
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${FLUENCE_TEST_SECONDS})
endfunction()

# fluence_systemc_tests(PREFIX DEPENDS target...): one executable a *_test.cpp file, because SystemC
# allows one elaboration a process; each file is one ctest with a time limit.
function(fluence_systemc_tests prefix)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    add_executable(${prefix}_${stem} ${source})
    target_link_libraries(${prefix}_${stem} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${prefix}_${stem} PRIVATE FLUENCE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
      FLUENCE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
    fluence_compile_options(${prefix}_${stem})
    add_test(NAME ${prefix}.${stem} COMMAND ${prefix}_${stem})
    set_tests_properties(${prefix}.${stem} PROPERTIES TIMEOUT ${FLUENCE_TEST_SECONDS})
  endforeach()
endfunction()
