# CUDA, cuDNN and cuBLASLt. Included by the top CMakeLists.txt, for that is where a language must be
# enabled. Sets SADDLE_HAS_CUDA and, where it is true, makes the targets
#   saddle::cuda     the runtime (static) and its headers
#   saddle::cudnn    cuDNN 9 or later
#   saddle::cublas   cuBLASLt
#
# Libraries come from the system, or from the Python packages that PyTorch installs (nvidia-cudnn-cu13,
# nvidia-cublas), whose libraries carry their full version as suffix and no plain .so beside it.

set(SADDLE_CUDA AUTO CACHE STRING
    "Build the CUDA device: ON, OFF, or AUTO (where nvcc and cuDNN are found)")
set_property(CACHE SADDLE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(SADDLE_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING
    "GPUs to compile for, as CMAKE_CUDA_ARCHITECTURES: code for Ampere and Hopper, PTX for later ones")
set(SADDLE_CUDNN_ROOT "" CACHE PATH "Where cuDNN is, if not in a usual place: holds include/ and lib/")
set(SADDLE_PYTHON python3 CACHE STRING "The Python whose packages may provide cuDNN and cuBLAS")

set(SADDLE_HAS_CUDA FALSE)
if(NOT SADDLE_CUDA)
  message(STATUS "CUDA: not built, SADDLE_CUDA is ${SADDLE_CUDA}")
  return()
endif()

# Where PyTorch's NVIDIA packages are, or empty.
execute_process(
  COMMAND ${SADDLE_PYTHON} -c "import nvidia; print(list(nvidia.__path__)[0], end='')"
  OUTPUT_VARIABLE python_nvidia ERROR_QUIET)

find_package(CUDAToolkit 12.0 QUIET)
# The header that lies beside the library is the one of its version. NAMES_PER_DIR: an earlier folder wins
# over an earlier name.
find_library(SADDLE_CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR
  HINTS ${SADDLE_CUDNN_ROOT}/lib ${SADDLE_CUDNN_ROOT}/lib64 ${CUDAToolkit_LIBRARY_DIR}
  PATHS ${python_nvidia}/cudnn/lib)
cmake_path(GET SADDLE_CUDNN_LIBRARY PARENT_PATH folder)
find_path(SADDLE_CUDNN_INCLUDE_DIR cudnn_version.h
  HINTS ${folder}/../include PATHS ${CUDAToolkit_INCLUDE_DIRS})
set(cudnn_version "none")
if(SADDLE_CUDNN_LIBRARY AND SADDLE_CUDNN_INCLUDE_DIR)
  file(STRINGS ${SADDLE_CUDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
  string(REGEX REPLACE "[^0-9;]" "" cudnn_version "${lines}")
  string(REPLACE ";" "." cudnn_version "${cudnn_version}")
endif()

set(missing "")
if(NOT CUDAToolkit_NVCC_EXECUTABLE)
  set(missing "CUDA Toolkit 12 or later (nvcc). Install it, or name its folder with CUDAToolkit_ROOT")
elseif(cudnn_version STREQUAL none OR cudnn_version VERSION_LESS 9)
  set(missing "cuDNN 9 or later (found: ${cudnn_version}). Install it or the Python package nvidia-cudnn-cu13, \
or name its folder with SADDLE_CUDNN_ROOT, or with SADDLE_PYTHON a Python that has the package")
else()
  set(major ${CUDAToolkit_VERSION_MAJOR})
  find_library(SADDLE_CUBLASLT_LIBRARY NAMES cublasLt libcublasLt.so.${major} NAMES_PER_DIR
    HINTS ${CUDAToolkit_LIBRARY_DIR} PATHS ${python_nvidia}/cu${major}/lib)
  cmake_path(GET SADDLE_CUBLASLT_LIBRARY PARENT_PATH folder)
  find_path(SADDLE_CUBLASLT_INCLUDE_DIR cublasLt.h
    HINTS ${folder}/../include PATHS ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT SADDLE_CUBLASLT_LIBRARY OR NOT SADDLE_CUBLASLT_INCLUDE_DIR)
    set(missing "cuBLAS of CUDA ${major}. Install it with the toolkit, or the Python package \
nvidia-cublas")
  endif()
endif()
if(missing AND SADDLE_CUDA STREQUAL AUTO)
  message(STATUS "CUDA: not built, for want of ${missing}")
  return()
elseif(missing)
  message(FATAL_ERROR "SADDLE_CUDA is ${SADDLE_CUDA}, but there is no ${missing}. Or set SADDLE_CUDA=OFF.")
endif()

set(CMAKE_CUDA_ARCHITECTURES ${SADDLE_CUDA_ARCHITECTURES})
if(NOT DEFINED CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT DEFINED CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})  # one standard library in one program
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 knows of no C++20 in nvcc
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(SADDLE_HAS_CUDA TRUE)

# An imported library brings the folder it lies in into the rpath of what is linked with it.
function(import_library name location include)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${location})
  target_include_directories(${name} SYSTEM INTERFACE ${include})
endfunction()
import_library(saddle::cudnn ${SADDLE_CUDNN_LIBRARY} ${SADDLE_CUDNN_INCLUDE_DIR})
import_library(saddle::cublas ${SADDLE_CUBLASLT_LIBRARY} ${SADDLE_CUBLASLT_INCLUDE_DIR})
add_library(saddle::cuda INTERFACE IMPORTED GLOBAL)
target_link_libraries(saddle::cuda INTERFACE CUDA::cudart_static)

message(STATUS "CUDA: ${CUDAToolkit_VERSION} for ${SADDLE_CUDA_ARCHITECTURES}, cuDNN ${cudnn_version} "
               "(${SADDLE_CUDNN_LIBRARY})")
