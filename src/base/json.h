/*
 * json.h - jansson for files of our own and for printing; never for JSON that must be passed
 * on unchanged (it reorders and re-encodes).
 *
 * Which reader to take:
 *
 *     a tree of decoded values, or text to be printed         this one
 *     some members of one object, as they stand               slice.h
 *     the same, but deeper, or what must be cut out           jscan.h, under slice.h
 *     counting along in a body that is never held whole       proxy/json_tap.h
 *
 * The first three refuse what is no JSON; the last one must not be relied on.
 *
 * The one place that includes jansson.h, so that the rest of the program does not depend on
 * where it comes from.
 */
#ifndef SRC_BASE_JSON_H
#define SRC_BASE_JSON_H

#include <jansson.h> // IWYU pragma: export

#endif
