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
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "docker/seccomp.h"

#define TREE_FDS 32

static int write_public(
        const char *dir, const char *name, const struct buf *text, struct err *err)
{
    char *path = path_join(dir, name);
    int rc = file_write(path, buf_data(text), buf_len(text), 0644, err);
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

int box_files_prepare(struct box *box, struct err *err)
{
    int rc = make_guest_folder(box, err);
    if (rc == 0)
        rc = write_accounts(box, err);
    if (rc == 0)
        rc = write_filter(box, err);
    if (rc == 0)
        rc = give_home(box, err);
    return rc;
}
