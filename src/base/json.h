/*
 * json.h - jansson for files of our own and for printing; never for JSON that must be passed
 * on unchanged (it reorders and re-encodes).
 *
 * The one place that includes jansson.h, so that the rest of the program does not depend on
 * where it comes from.
 */
#ifndef SRC_BASE_JSON_H
#define SRC_BASE_JSON_H

#include <jansson.h> // IWYU pragma: export

#endif
