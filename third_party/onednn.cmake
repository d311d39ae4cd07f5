# oneDNN 3.1 or later as target saddle::onednn: the system's, else the PyPI wheels of oneDNN 3.2 built
# over GNU OpenMP (the thread pool our own loops use), unpacked into .deps/.

find_package(dnnl 3.1 QUIET CONFIG)
add_library(onednn INTERFACE)
add_library(saddle::onednn ALIAS onednn)
if(dnnl_FOUND)
  message(STATUS "oneDNN: the system's ${dnnl_VERSION}")
  target_link_libraries(onednn INTERFACE DNNL::dnnl)
  return()
endif()

set(wheel_version 2023.2.0)
set(wheels ${CMAKE_SOURCE_DIR}/.deps/onednn-${wheel_version})
if(NOT EXISTS ${wheels}/complete)
  find_program(PYTHON3 python3 REQUIRED)
  message(STATUS "oneDNN: no system package of version 3.1 or later, fetching the wheels ${wheel_version}")
  file(REMOVE_RECURSE ${wheels})
  file(MAKE_DIRECTORY ${wheels})
  execute_process(
    COMMAND ${PYTHON3} -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all:
            --dest ${wheels} onednn-cpu-gomp==${wheel_version} onednn-devel-cpu-gomp==${wheel_version}
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "oneDNN: pip could not download onednn-cpu-gomp==${wheel_version}. "
                        "Install oneDNN 3.1 or later, or make PyPI reachable, and configure again.")
  endif()
  file(GLOB archives ${wheels}/*.whl)
  foreach(archive ${archives})
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${wheels}/unpacked)
    file(REMOVE ${archive})
  endforeach()
  file(GLOB headers ${wheels}/unpacked/*.data/data/include/*)
  file(COPY ${headers} DESTINATION ${wheels}/include)
  file(GLOB library ${wheels}/unpacked/*.data/data/lib/libdnnl.so.3)
  file(COPY ${library} DESTINATION ${wheels}/lib)
  file(REMOVE_RECURSE ${wheels}/unpacked)
  file(TOUCH ${wheels}/complete)
endif()
message(STATUS "oneDNN: ${wheels}")
target_include_directories(onednn SYSTEM INTERFACE ${wheels}/include)
target_link_libraries(onednn INTERFACE ${wheels}/lib/libdnnl.so.3 OpenMP::OpenMP_CXX)
