# Every file under assets/ becomes part of the program: one generated C file pulls them in with
# .incbin and lists them by name (base/assets.h). A new or changed file is picked up by itself.
function(ic_assets target folder)
    file(GLOB_RECURSE names RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*)
    list(FILTER names EXCLUDE REGEX "(^|/)\\.|~$")
    set(bytes "")
    set(externs "")
    set(rows "")
    set(files "")
    set(i 0)
    foreach(name ${names})
        list(APPEND files ${folder}/${name})
        string(APPEND bytes
            "    \"ic_asset_${i}: .incbin \\\"${folder}/${name}\\\"\\n\"\n"
            "    \"ic_asset_${i}_end: .byte 0\\n\"\n")
        string(APPEND externs "extern const char ic_asset_${i}[], ic_asset_${i}_end[];\n")
        string(APPEND rows "    {\"${name}\", ic_asset_${i}, ic_asset_${i}_end},\n")
        math(EXPR i "${i} + 1")
    endforeach()

    set(generated ${CMAKE_BINARY_DIR}/generated/asset_table.c)
    file(CONFIGURE OUTPUT ${generated} @ONLY CONTENT "/* Made by cmake/ICAssets.cmake. */
#include \"base/assets.h\"

__asm__(\".section .rodata\\n\"
@bytes@    \".previous\\n\");

@externs@
const struct asset asset_table[] = {
@rows@    {0, 0, 0},
};
")
    set_source_files_properties(${generated} PROPERTIES OBJECT_DEPENDS "${files}")
    target_sources(${target} PRIVATE ${generated})
endfunction()
