# Third-party libraries, all from the distribution's packages (scripts/deps lists them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(CURSES REQUIRED IMPORTED_TARGET ncursesw)
pkg_check_modules(VTERM REQUIRED IMPORTED_TARGET vterm)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CYAML REQUIRED IMPORTED_TARGET libcyaml)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

# wslay has no pkg-config file.
find_library(WSLAY_LIBRARY wslay REQUIRED)

# llhttp: Debian's node-llhttp ships the C sources, newer releases may ship a library.
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp /usr/share/nodejs/llhttp/src
    /usr/share/nodejs/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp /usr/share/llhttp
    /usr/share/nodejs/llhttp/include /usr/include)
if(LLHTTP_SOURCE_DIR AND LLHTTP_INCLUDE_DIR)
    add_library(llhttp STATIC ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c
        ${LLHTTP_SOURCE_DIR}/http.c)
    target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
    target_compile_options(llhttp PRIVATE -w -O2)
    # Version 8 is built lenient by default: any two bytes would end a chunk. Later versions
    # are strict and ignore this.
    target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
else()
    pkg_check_modules(LLHTTP REQUIRED IMPORTED_TARGET libllhttp)
    add_library(llhttp INTERFACE)
    target_link_libraries(llhttp INTERFACE PkgConfig::LLHTTP)
endif()
