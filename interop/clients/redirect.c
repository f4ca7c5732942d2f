/* Preloaded into megatools: its one API address leads to MEGA_REDIRECT, and the key pin is dropped. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_URL 10002
#define OPTION_PINNED_KEY 10230

int curl_easy_setopt(void *handle, int option, ...) {
    static int (*real)(void *, int, ...);
    static const char service[] = "https://g.api.mega.co.nz";
    if (!real) real = (int (*)(void *, int, ...))dlsym(RTLD_NEXT, "curl_easy_setopt");
    va_list arguments;
    va_start(arguments, option);
    void *value = va_arg(arguments, void *);
    va_end(arguments);
    if (option == OPTION_PINNED_KEY) return 0;
    const char *to = getenv("MEGA_REDIRECT");
    if (option == OPTION_URL && to && value && !strncmp(value, service, sizeof service - 1)) {
        char address[4096];
        snprintf(address, sizeof address, "%s%s", to, (const char *)value + sizeof service - 1);
        return real(handle, option, address); /* the library copies the text */
    }
    return real(handle, option, value);
}
