/*
 * image.h - the docker image a session runs: found, or built when an input has changed.
 *
 * The label ironcurtain.build-hash is a SHA-256 over everything that goes in: the Dockerfile,
 * the id of the agent's program, the id of the parent image. icguest is mounted, not baked,
 * so that a new ironcurtain needs no new image.
 */
#ifndef SRC_DOCKER_IMAGE_H
#define SRC_DOCKER_IMAGE_H

#include "docker/agent.h"
#include "io/loop.h"

#define IMAGE_LOCAL_BASE "ironcurtain-base:latest" /* what scripts/mk-base-image makes */
#define IMAGE_PUBLIC_BASE "debian:bookworm-slim"

struct image_job;

/*
 * base NULL: the local base if it is there, else the public one, which is pulled. done gets
 * the name to run; never called from inside image_ensure(). The job frees itself after done;
 * image_cancel() ends and silences it and removes the build folder.
 */
struct image_job *image_ensure(struct loop *loop, const struct agent *agent, const char *base,
        void (*on_progress)(void *ctx, const char *line),
        void (*done)(void *ctx, const char *image, const struct err *err), void *ctx);
void image_cancel(struct image_job *job); /* NULL is fine */

#endif
