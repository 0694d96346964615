# The building blocks of every folder: one static library per library folder, one library plus
# one executable per program folder, one executable per test file.
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
  "$<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes;-Wpointer-arith;-Wvla;-Wformat=2;-Wundef;-Wwrite-strings;-Wcast-qual>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wvla,-Wformat=2,-Wundef,-Wwrite-strings>"
  "$<$<BOOL:${LENTIGO_WERROR}>:$<IF:$<COMPILE_LANGUAGE:CUDA>,--Werror=all-warnings,-Werror>>"
  $<$<C_COMPILER_ID:GNU>:$<$<COMPILE_LANGUAGE:C>:-Wno-format-truncation>>) # err.c cuts long text on purpose
# banned.h turns calls of unsafe functions into compile errors.
target_compile_options(warnings INTERFACE -include ${PROJECT_SOURCE_DIR}/common/banned.h)

# add_folder(NAME SOURCES ... HEADERS ... SEES libraries of ours LINKS foreign libraries)
function(add_folder name)
  cmake_parse_arguments(A "" "" "SOURCES;HEADERS;SEES;LINKS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${A_HEADERS})
  # Public, so that CMake's check of the headers compiles them as everybody does (uv.h needs it).
  target_compile_definitions(${name} PUBLIC _GNU_SOURCE
    PRIVATE $<$<BOOL:${LENTIGO_SANITIZED}>:LENTIGO_SANITIZED>)
  target_link_libraries(${name} PUBLIC ${A_SEES} PRIVATE warnings ${A_LINKS})
endfunction()

# add_program(NAME MAIN file SEES ...): the executable lentigo-NAME ("cli" is lentigo itself).
function(add_program name)
  cmake_parse_arguments(A "" "MAIN;BINARY" "SEES;LINKS" ${ARGN})
  add_executable(${A_BINARY} ${A_MAIN})
  target_compile_definitions(${A_BINARY} PRIVATE _GNU_SOURCE)
  target_link_libraries(${A_BINARY} PRIVATE warnings ${name} ${A_SEES} ${A_LINKS})
  install(TARGETS ${A_BINARY} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# What `make test` runs again under the sanitizers: unit tests that take no minutes there.
add_custom_target(unit_tests)

# label_test(ID labels): the labels of a test that is a target, too
function(label_test id)
  set_tests_properties(${id} PROPERTIES LABELS "${ARGN}")
  if("unit" IN_LIST ARGN AND NOT "long" IN_LIST ARGN AND NOT "slow" IN_LIST ARGN)
    add_dependencies(unit_tests ${id})
  endif()
endfunction()

# add_unit_test(folder/test_file SEES ... LABELS ... TIMEOUT s): tests/folder/test_file.c
function(add_unit_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SEES;LINKS;LABELS" ${ARGN})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300) # a limit of hangs, not of machines
  endif()
  if(LENTIGO_SANITIZED)
    math(EXPR A_TIMEOUT "${A_TIMEOUT} * 4")
  endif()
  string(REPLACE "/" "." id ${name})
  add_executable(${id} ${PROJECT_SOURCE_DIR}/tests/${name}.c)
  # C also where a library has CUDA in it: nvcc's way of linking knows nothing of sanitizers.
  set_target_properties(${id} PROPERTIES LINKER_LANGUAGE C
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(${id} PRIVATE warnings PkgConfig::CMOCKA ${A_SEES} ${A_LINKS})
  target_compile_definitions(${id} PRIVATE _GNU_SOURCE
    SOURCE_DIR="${PROJECT_SOURCE_DIR}" BINARY_DIR="${PROJECT_BINARY_DIR}"
    $<$<BOOL:${LENTIGO_SANITIZED}>:LENTIGO_SANITIZED>)
  add_test(NAME ${id} COMMAND ${id})
  set_tests_properties(${id} PROPERTIES TIMEOUT ${A_TIMEOUT} SKIP_RETURN_CODE 77)
  label_test(${id} ${A_LABELS})
endfunction()
