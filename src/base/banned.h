/*
 * banned.h - functions that are easy to use wrongly are compile errors in product code.
 *
 * Included into every product file by the compiler's command line. The system headers that
 * declare these names are pulled in first, so that poisoning does not hit their declarations.
 */
#ifndef SRC_BASE_BANNED_H
#define SRC_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For clang glibc makes macros of these two (_FORTIFY_SOURCE), and it poisons no macro. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok strncpy strncat atoi atol gets
#pragma GCC poison system popen mktemp tmpnam

#endif
