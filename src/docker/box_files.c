/*
 * box_files.c - folders and files a box needs on the host before it can start.
 *
 * The guest folder is the only one that the box can write and the host connects into, so it
 * is made afresh for every start: what an earlier box left in it is not trusted. The user
 * list is written next to the CA certificate; the box sees it as /etc/passwd, so that its
 * uid has a name and a home in any image.
 */
#include "docker/box_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "docker/seccomp.h"

#define TREE_FDS 32

static int write_public(
        const char *dir, const char *name, const struct buf *text, struct err *err)
{
    char *path = path_join(dir, name);
    int rc = file_write_passing(path, buf_data(text), buf_len(text), 0644, err);
    free(path);
    return rc;
}

static int write_filter(struct box *box, struct err *err)
{
    struct buf filter = BUF_INIT;
    int rc = seccomp_program(&filter)
                     ? write_public(box->spec.orientation, BOX_FILTER, &filter, err)
                     : err_set(err, ERR_IO, "no system call filter for this processor");
    buf_release(&filter);
    return rc;
}

static int write_accounts(struct box *box, struct err *err)
{
    struct buf users = BUF_INIT, groups = BUF_INIT;
    uid_t uid;
    gid_t gid;
    box_inner_user(box, &uid, &gid);
    if (uid != 0)
        buf_puts(&users, "root:x:0:0:root:/root:/usr/sbin/nologin\n");
    buf_printf(&users, "agent:x:%u:%u:agent:" BOX_HOME ":/bin/bash\n", (unsigned)uid,
            (unsigned)gid);
    buf_puts(&users, "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
    if (gid != 0)
        buf_puts(&groups, "root:x:0:\n");
    buf_printf(&groups, "agent:x:%u:\ntty:x:5:\nnogroup:x:65534:\n", (unsigned)gid);
    int rc = write_public(box->spec.orientation, "passwd", &users, err);
    if (rc == 0)
        rc = write_public(box->spec.orientation, "group", &groups, err);
    buf_release(&users);
    buf_release(&groups);
    return rc;
}

static int make_guest_folder(struct box *box, struct err *err)
{
    char *guest = path_join(box->spec.sockets, "guest");
    int rc = file_remove_tree(guest, err);
    if (rc == 0)
        rc = file_mkdir(guest, err);
    if (rc == 0 && chown(guest, box->uid, box->gid) < 0)
        rc = err_set(err, ERR_IO, "cannot give '%s' to uid %u: %s", guest, (unsigned)box->uid,
                strerror(errno));
    free(guest);
    return rc;
}

/* nftw() has no context argument, and boxes are prepared on more than one thread. */
static _Thread_local struct {
    uid_t uid;
    gid_t gid;
} tree_owner;

static int give_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type;
    (void)ftw;
    if (st->st_uid == tree_owner.uid && st->st_gid == tree_owner.gid)
        return 0;
    return lchown(path, tree_owner.uid, tree_owner.gid);
}

/* Only root starting a box for somebody else's workspace needs this. */
static int give_home(struct box *box, struct err *err)
{
    if (box->uid == geteuid())
        return 0;
    tree_owner.uid = box->uid;
    tree_owner.gid = box->gid;
    if (nftw(box->spec.home, give_entry, TREE_FDS, FTW_PHYS | FTW_MOUNT) != 0)
        return err_set(err, ERR_IO, "cannot give '%s' to uid %u: %s", box->spec.home,
                (unsigned)box->uid, strerror(errno));
    return 0;
}

const char *const box_devices[] = {"null", "zero", "full", "random", "urandom", "tty", NULL};
static const unsigned char device_numbers[][2] = {
        {1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}};

#define NOBODY 65534

/* Owned by somebody the box is not, so that it cannot change their modes. */
static bool make_device_files(const char *dir)
{
    bool done = mkdir(dir, 0755) == 0;
    for (int i = 0; done && box_devices[i]; i++) {
        char *path = path_join(dir, box_devices[i]);
        dev_t number = makedev(device_numbers[i][0], device_numbers[i][1]);
        done = mknod(path, S_IFCHR | 0600, number) == 0 && chown(path, NOBODY, NOBODY) == 0 &&
               chmod(path, 0666) == 0;
        int fd = done ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
        done = done && (fd >= 0 || (errno != EACCES && errno != EPERM)); /* a nodev mount? */
        if (fd >= 0)
            close(fd);
        free(path);
    }
    return done;
}

/* bwrap binds the host's device files. To a box started by root they belong, so it could take
 * them from everybody else by changing their modes. */
static void make_devices(struct box *box)
{
    if (box->uid != 0 || strcmp(box->spec.runtime, "bwrap") != 0)
        return;
    char *dir = path_join(box->spec.orientation, "dev");
    if (make_device_files(dir)) {
        box->devices = dir;
        return;
    }
    log_warn("docker",
            "box=%s started by root, and no device files of its own can be made (%s): it can "
            "change the modes of the host's",
            box->name, strerror(errno));
    (void)file_remove_tree(dir, NULL);
    free(dir);
}

int box_files_prepare(struct box *box, struct err *err)
{
    int rc = make_guest_folder(box, err);
    if (rc == 0)
        rc = write_accounts(box, err);
    if (rc == 0)
        rc = write_filter(box, err);
    if (rc == 0)
        rc = give_home(box, err);
    if (rc == 0)
        make_devices(box);
    return rc;
}
