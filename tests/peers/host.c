/* A foreign host on libmodbus. Reads orders from standard input, one a line, and answers each with one line:
 *     read ADDRESS COUNT          -> OK and words in hex
 *     i32 ADDRESS                 -> OK and a signed number, two registers, high word first
 *     write ADDRESS WORDS...      -> OK
 *     exchange TO FROM COUNT WORDS...   function code 23 -> OK and words in hex
 *     coils ADDRESS COUNT         function code 1
 * or EXCEPTION and its code, or ERROR and why. Numbers as in C: 0x0140 or 320.
 *     host PORT UNIT
 */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int numbers(char *text, uint16_t *into)
{
    int count = 0;
    for (char *one = strtok(text, " \n"); one && count < 256; one = strtok(NULL, " \n"))
        into[count++] = (uint16_t)strtol(one, NULL, 0);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    modbus_t *bus = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(bus, atoi(argv[2]));
    if (modbus_connect(bus) < 0)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    char line[4096], verb[16];
    while (fgets(line, sizeof line, stdin)) {
        uint16_t n[256] = {0}, got[256] = {0};
        uint8_t bits[256];
        int taken = 0, words = 0, done = -1;
        if (sscanf(line, "%15s%n", verb, &taken) != 1)
            continue;
        int count = numbers(line + taken, n);
        if (!strcmp(verb, "read"))
            done = words = modbus_read_registers(bus, n[0], n[1], got);
        else if (!strcmp(verb, "i32"))
            done = modbus_read_registers(bus, n[0], 2, got);
        else if (!strcmp(verb, "write"))
            done = modbus_write_registers(bus, n[0], count - 1, n + 1);
        else if (!strcmp(verb, "exchange"))
            done = words = modbus_write_and_read_registers(bus, n[0], count - 3, n + 3, n[1], n[2], got);
        else if (!strcmp(verb, "coils"))
            done = modbus_read_bits(bus, n[0], n[1], bits);
        if (done < 0) {
            int code = errno - MODBUS_ENOBASE;
            if (code > 0 && code < MODBUS_EXCEPTION_MAX)
                printf("EXCEPTION %d\n", code);
            else
                printf("ERROR %s\n", modbus_strerror(errno));
            continue;
        }
        printf("OK");
        if (!strcmp(verb, "i32"))
            printf(" %d", (int)MODBUS_GET_INT32_FROM_INT16(got, 0));
        for (int i = 0; i < words; i++)
            printf(" %04X", got[i]);
        printf("\n");
    }
    modbus_close(bus);
    return 0;
}
