/*
 * api.h - whose JSON it is: of usage figures, of errors, of requests with tools.
 */
#ifndef SRC_PROXY_API_H
#define SRC_PROXY_API_H

enum api_kind { API_NONE, API_ANTHROPIC, API_OPENAI, API_GOOGLE };

#endif
