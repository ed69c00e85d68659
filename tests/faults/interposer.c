/* Count the file-system events of a process tree below one folder, and act on one of them.

   This library is preloaded: its functions stand before those of the C library, also for SQLite, libsndfile and
   Python. An event is a call that changes a file or folder below FAULTS_FOLDER, or that opens a file for writing.
   All processes of the tree share one counter, which is in the file FAULTS_STATE. At event number FAULTS_AT:

   FAULTS_ACTION   what happens
   count           nothing (also if FAULTS_AT is 0)
   kill            SIGKILL for the process group, before the event happens
   kill-main       SIGKILL for the first process of the tree alone
   tear            half of the bytes are written, then SIGKILL for the process group
   fail            this event fails with the error FAULTS_ERROR
   fail-on         this event and all later ones fail

   FAULTS_KINDS says which events count: "all", "writes" (calls that write bytes) or "space" (calls that can need
   space on the disk).  */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TEAR -1
enum kind { CHANGES, WRITES, NEEDS_SPACE };

/* The layout that library.py reads. */
struct state {
    _Atomic long count;
    _Atomic int main_process;
    _Atomic int happened;
    char what[600];
};

static struct state *shared;
static char folder[PATH_MAX];
static size_t folder_length;
static long at;
static int error_number;
static char action[16], kinds[16];

#define REAL(name) ((__typeof__(&name)) real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void copy_variable(char *target, size_t size, const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    snprintf(target, size, "%s", value ? value : otherwise);
}

/* Read the settings from the environment. A process that was forked calls this after it has set them. */
__attribute__((constructor)) void faults_arm(void)
{
    char file[PATH_MAX];
    copy_variable(file, sizeof file, "FAULTS_STATE", "");
    copy_variable(folder, sizeof folder, "FAULTS_FOLDER", "");
    copy_variable(action, sizeof action, "FAULTS_ACTION", "count");
    copy_variable(kinds, sizeof kinds, "FAULTS_KINDS", "all");
    folder_length = strlen(folder);
    shared = NULL;
    if (!file[0] || !folder_length)
        return;
    const char *number = getenv("FAULTS_AT");
    at = number ? atol(number) : 0;
    number = getenv("FAULTS_ERROR");
    error_number = number ? atoi(number) : EIO;
    int descriptor = REAL(open)(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped == MAP_FAILED)
        return;
    shared = mapped;
    int none = 0;
    atomic_compare_exchange_strong(&shared->main_process, &none, getpid());
}

static int is_inside(const char *path)
{
    return !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* Make a path absolute without following its last part. */
static void resolve(int directory, const char *path, char *result)
{
    char link[64], base[PATH_MAX];
    if (path[0] == '/') {
        snprintf(result, PATH_MAX, "%s", path);
        return;
    }
    if (directory == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, base, sizeof base - 1);
    base[length < 0 ? 0 : length] = 0;
    if (snprintf(result, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        result[0] = 0;
}

/* Count an event at an absolute path. Return 0 if it shall happen, the error with which it fails, or TEAR. */
static int due_at(const char *name, enum kind kind, const char *path)
{
    if (!shared || !is_inside(path))
        return 0;
    if (kinds[0] == 'w' ? kind != WRITES : kinds[0] == 's' && kind == CHANGES)
        return 0;
    long number = atomic_fetch_add(&shared->count, 1) + 1;
    if (!at)
        return 0;
    if (!strcmp(action, "fail-on") && number > at && atomic_load(&shared->happened))
        return error_number;
    if (number != at)
        return 0;
    snprintf(shared->what, sizeof shared->what, "%s %.500s", name, path + folder_length);
    atomic_store(&shared->happened, 1);
    if (!strcmp(action, "kill"))
        kill(0, SIGKILL);
    else if (!strcmp(action, "kill-main"))
        kill(atomic_load(&shared->main_process), SIGKILL);
    else if (!strcmp(action, "tear"))
        return TEAR;
    else if (!strncmp(action, "fail", 4))
        return error_number;
    return 0;
}

static int due(const char *name, enum kind kind, int directory, const char *path)
{
    if (!shared)
        return 0;
    int before = errno;
    char whole[PATH_MAX];
    resolve(directory, path, whole);
    int found = due_at(name, kind, whole);
    errno = before;
    return found;
}

static int due_file(const char *name, enum kind kind, int descriptor)
{
    if (!shared)
        return 0;
    int before = errno;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    int found = due_at(name, kind, path);
    errno = before;
    return found;
}

static int fails(int error)
{
    if (error > 0)
        errno = error;
    return error > 0;
}

/* Opening: an event if the file can be written; it needs space if it creates the file. */
static int due_open(const char *name, int directory, const char *path, int flags)
{
    if (!shared || (flags & O_PATH) || ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT)))
        return 0;
    struct stat status;
    int before = errno;
    int creates = (flags & O_CREAT) && fstatat(directory, path, &status, 0);
    errno = before;
    return due(name, creates ? NEEDS_SPACE : CHANGES, directory, path);
}

#define MODE                                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                             \
    }

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        MODE                                                                                                           \
        if (fails(due_open(#name, AT_FDCWD, path, flags)))                                                             \
            return -1;                                                                                                 \
        return REAL(name)(path, flags, mode);                                                                          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...)                                                          \
    {                                                                                                                  \
        MODE                                                                                                           \
        if (fails(due_open(#name, directory, path, flags)))                                                            \
            return -1;                                                                                                 \
        return REAL(name)(directory, path, flags, mode);                                                               \
    }
OPENAT(openat)
OPENAT(openat64)

#define CREAT(name)                                                                                                    \
    int name(const char *path, mode_t mode)                                                                            \
    {                                                                                                                  \
        if (fails(due_open(#name, AT_FDCWD, path, O_WRONLY | O_CREAT)))                                                \
            return -1;                                                                                                 \
        return REAL(name)(path, mode);                                                                                 \
    }
CREAT(creat)
CREAT(creat64)

#define FOPEN(name)                                                                                                    \
    FILE *name(const char *path, const char *mode)                                                                     \
    {                                                                                                                  \
        int flags = mode[0] == 'r' ? (strchr(mode, '+') ? O_RDWR : O_RDONLY) : O_WRONLY | O_CREAT;                     \
        return fails(due_open(#name, AT_FDCWD, path, flags)) ? NULL : REAL(name)(path, mode);                          \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    int error = due_file("write", WRITES, descriptor);
    if (fails(error))
        return -1;
    ssize_t written = REAL(write)(descriptor, bytes, error == TEAR ? count / 2 : count);
    if (error == TEAR)
        kill(0, SIGKILL);
    return written;
}

#define PWRITE(name, offset_type)                                                                                      \
    ssize_t name(int descriptor, const void *bytes, size_t count, offset_type offset)                                  \
    {                                                                                                                  \
        int error = due_file(#name, WRITES, descriptor);                                                               \
        if (fails(error))                                                                                              \
            return -1;                                                                                                 \
        ssize_t written = REAL(name)(descriptor, bytes, error == TEAR ? count / 2 : count, offset);                    \
        if (error == TEAR)                                                                                             \
            kill(0, SIGKILL);                                                                                          \
        return written;                                                                                                \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Copies inside of the kernel and vectors are torn by leaving them out. */
#define COPY(result, name, descriptor, signature, arguments)                                                           \
    result name signature                                                                                              \
    {                                                                                                                  \
        int error = due_file(#name, WRITES, descriptor);                                                               \
        if (error == TEAR)                                                                                             \
            kill(0, SIGKILL);                                                                                          \
        if (fails(error))                                                                                              \
            return -1;                                                                                                 \
        return REAL(name) arguments;                                                                                   \
    }
COPY(ssize_t, writev, descriptor, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
COPY(ssize_t, copy_file_range, target,
     (int source, off64_t *from, int target, off64_t *to, size_t count, unsigned flags),
     (source, from, target, to, count, flags))

#include <sys/sendfile.h>
COPY(ssize_t, sendfile, target, (int target, int source, off_t *offset, size_t count), (target, source, offset, count))
COPY(ssize_t, sendfile64, target, (int target, int source, off64_t *offset, size_t count),
     (target, source, offset, count))

/* Calls with a descriptor. */
#define FILE_CALL(name, kind, signature, arguments)                                                                    \
    int name signature                                                                                                 \
    {                                                                                                                  \
        if (fails(due_file(#name, kind, descriptor)))                                                                  \
            return -1;                                                                                                 \
        return REAL(name) arguments;                                                                                   \
    }
FILE_CALL(fsync, NEEDS_SPACE, (int descriptor), (descriptor))
FILE_CALL(fdatasync, NEEDS_SPACE, (int descriptor), (descriptor))
FILE_CALL(ftruncate, CHANGES, (int descriptor, off_t length), (descriptor, length))
FILE_CALL(ftruncate64, CHANGES, (int descriptor, off64_t length), (descriptor, length))

/* These return the error instead of setting errno. */
#define ALLOCATE(name, offset_type)                                                                                    \
    int name(int descriptor, offset_type offset, offset_type length)                                                   \
    {                                                                                                                  \
        int error = due_file(#name, NEEDS_SPACE, descriptor);                                                          \
        return error > 0 ? error : REAL(name)(descriptor, offset, length);                                             \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

/* Calls with paths. */
#define PATH_CALL(name, kind, directory, path, signature, arguments)                                                   \
    int name signature                                                                                                 \
    {                                                                                                                  \
        if (fails(due(#name, kind, directory, path)))                                                                  \
            return -1;                                                                                                 \
        return REAL(name) arguments;                                                                                   \
    }
PATH_CALL(truncate, CHANGES, AT_FDCWD, path, (const char *path, off_t length), (path, length))
PATH_CALL(truncate64, CHANGES, AT_FDCWD, path, (const char *path, off64_t length), (path, length))
PATH_CALL(unlink, CHANGES, AT_FDCWD, path, (const char *path), (path))
PATH_CALL(unlinkat, CHANGES, directory, path, (int directory, const char *path, int flags), (directory, path, flags))
PATH_CALL(rmdir, CHANGES, AT_FDCWD, path, (const char *path), (path))
PATH_CALL(mkdir, NEEDS_SPACE, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
PATH_CALL(mkdirat, NEEDS_SPACE, directory, path, (int directory, const char *path, mode_t mode),
          (directory, path, mode))
PATH_CALL(rename, NEEDS_SPACE, AT_FDCWD, to, (const char *from, const char *to), (from, to))
PATH_CALL(renameat, NEEDS_SPACE, there, to, (int here, const char *from, int there, const char *to),
          (here, from, there, to))
PATH_CALL(renameat2, NEEDS_SPACE, there, to,
          (int here, const char *from, int there, const char *to, unsigned flags), (here, from, there, to, flags))
PATH_CALL(link, NEEDS_SPACE, AT_FDCWD, to, (const char *from, const char *to), (from, to))
PATH_CALL(linkat, NEEDS_SPACE, there, to, (int here, const char *from, int there, const char *to, int flags),
          (here, from, there, to, flags))
PATH_CALL(symlink, NEEDS_SPACE, AT_FDCWD, to, (const char *from, const char *to), (from, to))
PATH_CALL(symlinkat, NEEDS_SPACE, there, to, (const char *from, int there, const char *to), (from, there, to))
