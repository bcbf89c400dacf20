/*
 * internal.h - what the files of src/store need from struct store.
 */
#ifndef SRC_STORE_INTERNAL_H
#define SRC_STORE_INTERNAL_H

#include "store/row.h"
#include "store/store.h"

/* Is the process that wrote the row alive? */
bool session_row_alive(const char *process, int64_t pid);

#endif
