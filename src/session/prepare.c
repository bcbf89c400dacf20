/*
 * prepare.c - session folders. Blocking file work: runs in loop_work() or before the loop.
 *
 * The run folder is short because of sun_path and is the only one the box gets anything of.
 * A run folder whose owner process is gone belongs to nobody and is collected at the next
 * start; the owner file says pid, start time and boot, so a recycled pid does not save it.
 *
 * No file is waited for on the disk: a start would take several times as long, and after a boot
 * they are of no use. What a power failure left empty is nobody's.
 */
#include "session/prepare.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

int prepare_paths(struct prepare *p, struct err *err)
{
    const char *home = path_home();
    char name[64];

    snprintf(name, sizeof(name), "session-%s.json", p->session);
    p->run_dir = path_join3(home, "run", p->id12);
    p->sockets = path_join(p->run_dir, "sockets");
    p->guest_socket = path_join(p->sockets, "guest/pty.sock");
    p->orientation = path_join(p->run_dir, "orientation");
    p->dir = path_join3(home, "sessions", p->session);
    p->home = path_join(p->dir, "state");
    p->registration = path_join3(home, "pty-registry", name);
    if (strlen(p->guest_socket) > LIMIT_SUN_PATH)
        return err_set(err, ERR_LIMIT,
                "socket path '%s' has %zu bytes, the system allows %d; set IRONCURTAIN_HOME "
                "to a shorter path",
                p->guest_socket, strlen(p->guest_socket), LIMIT_SUN_PATH);
    return 0;
}

/* Is `path` the folder `top` or below it? Both real paths. */
static bool path_within(const char *path, const char *top)
{
    size_t n = strlen(top);

    return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 1);
}

static int check_workspace(struct prepare *p, struct err *err)
{
    char real[PATH_MAX];
    char other[PATH_MAX];
    struct stat st;

    if (!realpath(p->workspace, real) || stat(real, &st) < 0)
        return err_set(err, ERR_NOENT, "workspace '%s': %s", p->workspace, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_USAGE, "workspace '%s' is not a folder", p->workspace);
    if (strcmp(real, "/") == 0)
        return err_set(err, ERR_USAGE, "refusing '/' as workspace; name a project folder");
    const char *user_home = getenv("HOME");
    if (user_home && realpath(user_home, other) && path_within(other, real))
        return err_set(err, ERR_USAGE,
                "refusing '%s' as workspace: %s your home folder, with keys and settings; "
                "name a project folder",
                real, strcmp(real, other) == 0 ? "it is" : "it holds");
    if (realpath(path_home(), other) && (path_within(real, other) || path_within(other, real)))
        return err_set(err, ERR_USAGE,
                "workspace '%s' and ironcurtain's own folder '%s' must not contain each other",
                real, other);
    free(p->workspace);
    p->workspace = xstrdup(real);
    return 0;
}

static int write_text(
        const char *dir, const char *name, struct str text, mode_t mode, struct err *err)
{
    char *path = path_join(dir, name);
    int rc = file_write_passing(path, text.p, text.n, mode, err);

    free(path);
    return rc;
}

static int write_orientation(struct prepare *p, struct err *err)
{
    struct buf bundle = BUF_INIT;
    struct str pem = str_of(p->ca_pem);
    int rc = write_text(p->orientation, "ca-cert.pem", pem, 0644, err);

    /* Without the system's bundle the box trusts our CA alone, which is all it can reach. */
    if (rc == 0 && file_read(SYSTEM_BUNDLE, LIMIT_FILE, &bundle, NULL) == 0)
        buf_putc(&bundle, '\n');
    buf_append_str(&bundle, pem);
    if (rc == 0)
        rc = write_text(p->orientation, "ca-bundle.pem", buf_str(&bundle), 0644, err);
    buf_release(&bundle);
    return rc;
}

static int write_json(
        const struct prepare *p, const char *path, bool registration, struct err *err)
{
    json_t *o = json_object();
    char started[40];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (registration) {
        char *escalations = path_join(p->dir, "escalations");

        json_object_set_new(o, "sessionId", json_string(p->session));
        json_object_set_new(o, "escalationDir", json_string(escalations));
        json_object_set_new(o, "label", json_string(p->label));
        json_object_set_new(o, "startedAt", json_string(started));
        json_object_set_new(o, "pid", json_integer(getpid()));
        free(escalations);
    } else {
        json_object_set_new(o, "createdAt", json_string(started));
        json_object_set_new(o, "label", json_string(p->label));
        json_object_set_new(o, "agent", json_string(p->agent ? p->agent->name : ""));
        json_object_set_new(o, "runtime", json_string(p->runtime));
        json_object_set_new(o, "workspacePath", json_string(p->workspace ? p->workspace : ""));
    }

    char *text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    if (!text)
        return err_set(err, ERR_BUG, "session '%s': its name is not valid UTF-8", p->session);
    int rc = file_write_passing(path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

static int make_folders(struct prepare *p, struct err *err)
{
    char *guest = path_join(p->sockets, "guest");
    char *escalations = path_join(p->dir, "escalations");
    char *registry = path_join(path_home(), "pty-registry");
    const char *folders[] = {p->run_dir, p->sockets, guest, p->orientation, p->dir, p->home,
            escalations, registry};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        rc = file_mkdir(folders[i], err);
    /* The box may run under another uid; other users of the host stop at run/<id12>. */
    if (rc == 0 && (chmod(p->sockets, 0755) < 0 || chmod(p->orientation, 0755) < 0))
        rc = err_set(
                err, ERR_IO, "cannot set the mode of '%s': %s", p->sockets, strerror(errno));
    free(guest);
    free(escalations);
    free(registry);
    return rc;
}

struct agent_fakes prepare_fakes(const struct prepare *p)
{
    return (struct agent_fakes){p->fake_key, p->fake_token, p->account};
}

int prepare_make(struct prepare *p, struct err *err)
{
    struct agent_fakes fakes = prepare_fakes(p);
    struct proc_id self;
    char owner[80];
    char *metadata = path_join(p->dir, "session.json");
    int rc = p->workspace ? check_workspace(p, err) : 0;

    if (rc == 0)
        rc = make_folders(p, err);
    if (rc == 0 && proc_identify(getpid(), &self)) {
        proc_format(&self, owner);
        rc = write_text(p->run_dir, "owner", str_of(owner), 0600, err);
    }
    if (rc == 0 && p->ca_pem)
        rc = write_orientation(p, err);
    if (rc == 0 && p->agent)
        rc = agent_seed_home(p->agent, p->home, &fakes, err);
    if (rc == 0)
        rc = write_json(p, metadata, false, err);
    if (rc == 0)
        rc = write_json(p, p->registration, true, err);
    free(metadata);
    if (rc < 0) {
        prepare_undo(p);
        (void)file_remove_tree(p->dir, NULL);
    }
    return rc;
}

/* The name of the owner goes last: what could not be removed now, or is being removed when we
 * are killed, is found by the next start. */
void prepare_undo(struct prepare *p)
{
    if (file_remove_tree(p->sockets, NULL) == 0 && file_remove_tree(p->orientation, NULL) == 0)
        (void)file_remove_tree(p->run_dir, NULL);
    (void)unlink(p->registration);
}

void prepare_release(struct prepare *p)
{
    free(p->workspace);
    free(p->fake_key);
    free(p->fake_token);
    free(p->account);
    free(p->ca_pem);
    free(p->run_dir);
    free(p->sockets);
    free(p->guest_socket);
    free(p->orientation);
    free(p->dir);
    free(p->home);
    free(p->registration);
}

static bool owner_is_dead(const char *run_dir)
{
    char *path = path_join(run_dir, "owner");
    struct buf text = BUF_INIT;
    struct proc_id id;
    bool dead = false;

    if (file_read(path, 256, &text, NULL) == 0) {
        buf_putc(&text, '\0');
        dead = buf_len(&text) == 1 || (proc_parse(buf_data(&text), &id) && !proc_alive(&id));
    }
    buf_release(&text);
    free(path);
    return dead;
}

static bool registration_is_dead(const char *path)
{
    json_error_t ignored;
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
        return true;
    json_t *o = json_load_file(path, 0, &ignored);
    json_int_t pid = json_integer_value(json_object_get(o, "pid"));
    struct proc_id id;

    json_decref(o);
    return pid > 0 && pid <= INT_MAX && !proc_identify((pid_t)pid, &id);
}

/* What is below somebody else's folder, or a link to one, was not left by us. */
static bool is_our_folder(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

unsigned prepare_collect(void)
{
    static const struct {
        const char *folder;
        bool (*is_dead)(const char *path);
    } kinds[] = {{"run", owner_is_dead}, {"pty-registry", registration_is_dead}};
    unsigned count = 0;

    for (size_t i = 0; i < 2; i++) {
        char *top = path_join(path_home(), kinds[i].folder);
        DIR *dir = is_our_folder(path_home()) && is_our_folder(top) ? opendir(top) : NULL;

        for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
            char *path = path_join(top, e->d_name);

            if (e->d_name[0] != '.' && kinds[i].is_dead(path)) {
                if (i == 0)
                    (void)file_remove_tree(path, NULL);
                else
                    (void)unlink(path);
                count++;
            }
            free(path);
        }
        if (dir)
            closedir(dir);
        free(top);
    }
    return count;
}
