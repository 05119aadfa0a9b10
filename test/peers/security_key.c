/*
 * A security key in software, as a library that ssh-keygen, ssh-add and ssh-agent load (SSH_SK_PROVIDER; the functions and
 * structures of OpenSSH's sk-api.h, version 10). The key handle is the private key. A file that PREAUTH_TEST_TOUCH names
 * is the finger, and the PIN is 1234. libcrypto is declared here, so that its headers need not be installed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ECDSA = 0, ED25519 = 1 };
enum { TOUCH = 0x01, VERIFY = 0x04 };
enum { FAILED = -1, UNSUPPORTED = -2, PIN_REQUIRED = -3 };

struct enrolled {
  uint8_t flags;
  uint8_t *public_key;
  size_t public_key_len;
  uint8_t *key_handle;
  size_t key_handle_len;
  uint8_t *signature;
  size_t signature_len;
  uint8_t *certificate;
  size_t certificate_len;
  uint8_t *authdata;
  size_t authdata_len;
};

struct signature {
  uint8_t flags;
  uint32_t counter;
  uint8_t *r;
  size_t r_len;
  uint8_t *s;
  size_t s_len;
};

/* OpenSSL 3. */
#define EVP_PKEY_ED25519 1087
void *EVP_PKEY_Q_keygen(void *context, const char *properties, const char *type, ...);
void *EVP_PKEY_new_raw_private_key(int type, void *engine, const uint8_t *key, size_t size);
int EVP_PKEY_get_raw_private_key(const void *key, uint8_t *out, size_t *size);
int EVP_PKEY_get_raw_public_key(const void *key, uint8_t *out, size_t *size);
size_t EVP_PKEY_get1_encoded_public_key(void *key, uint8_t **out);
void EVP_PKEY_free(void *key);
int i2d_PrivateKey(const void *key, uint8_t **out);
void *d2i_AutoPrivateKey(void **key, const uint8_t **in, long size);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *context);
const void *EVP_sha256(void);
int EVP_DigestSignInit(void *context, void **key_context, const void *digest, void *engine, void *key);
int EVP_DigestSign(void *context, uint8_t *out, size_t *size, const uint8_t *data, size_t data_size);
uint8_t *SHA256(const uint8_t *data, size_t size, uint8_t *out);
void *d2i_ECDSA_SIG(void **signature, const uint8_t **in, long size);
void ECDSA_SIG_free(void *signature);
const void *ECDSA_SIG_get0_r(const void *signature);
const void *ECDSA_SIG_get0_s(const void *signature);
int BN_num_bits(const void *number);
int BN_bn2bin(const void *number, uint8_t *out);

uint32_t sk_api_version(void) { return 0x000a0000; }

static uint8_t *bytes_of(const void *number, size_t *size) {
  *size = (BN_num_bits(number) + 7) / 8;
  uint8_t *out = malloc(*size);
  BN_bn2bin(number, out);
  return out;
}

/* Whether the person has done what is wanted; 0, or the error. */
static int asked(uint8_t flags, const char *pin) {
  if ((flags & VERIFY) && (pin == NULL || strcmp(pin, "1234") != 0)) return PIN_REQUIRED;
  const char *finger = getenv("PREAUTH_TEST_TOUCH");
  if ((flags & TOUCH) && (finger == NULL || access(finger, F_OK) != 0)) return FAILED;
  return 0;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
              const char *pin, void **options, struct enrolled **out) {
  (void)challenge, (void)challenge_len, (void)application, (void)options;
  int refused = asked(flags, pin);
  if (refused != 0) return refused;
  void *key = alg == ECDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
              : alg == ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                               : NULL;
  if (key == NULL) return UNSUPPORTED;
  struct enrolled *made = calloc(1, sizeof *made);
  made->flags = flags;
  if (alg == ECDSA) {
    made->public_key_len = EVP_PKEY_get1_encoded_public_key(key, &made->public_key);
    made->key_handle_len = i2d_PrivateKey(key, &made->key_handle);
  } else {
    made->public_key_len = made->key_handle_len = 32;
    made->public_key = malloc(32);
    made->key_handle = malloc(32);
    EVP_PKEY_get_raw_public_key(key, made->public_key, &made->public_key_len);
    EVP_PKEY_get_raw_private_key(key, made->key_handle, &made->key_handle_len);
  }
  made->signature = calloc(1, 1);
  EVP_PKEY_free(key);
  *out = made;
  return 0;
}

/* PROTOCOL.u2f of OpenSSH, section "SSH U2F signatures". */
int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *key_handle,
            size_t key_handle_len, uint8_t flags, const char *pin, void **options, struct signature **out) {
  (void)options;
  int refused = asked(flags, pin);
  if (refused != 0) return refused;
  const uint8_t *in = key_handle;
  void *key = alg == ECDSA ? d2i_AutoPrivateKey(NULL, &in, key_handle_len)
                           : EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key_handle, key_handle_len);
  if (key == NULL) return FAILED;
  struct signature *made = calloc(1, sizeof *made);
  made->flags = flags & (TOUCH | VERIFY);
  made->counter = 1;
  uint8_t text[32 + 1 + 4 + 32] = {0};
  SHA256((const uint8_t *)application, strlen(application), text);
  text[32] = made->flags;
  text[36] = made->counter;
  SHA256(data, data_len, text + 37);
  uint8_t bytes[128];
  size_t size = sizeof bytes;
  void *context = EVP_MD_CTX_new();
  int done = EVP_DigestSignInit(context, NULL, alg == ECDSA ? EVP_sha256() : NULL, NULL, key) == 1 &&
             EVP_DigestSign(context, bytes, &size, text, sizeof text) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  if (!done) return FAILED;
  if (alg == ECDSA) {
    const uint8_t *der = bytes;
    void *numbers = d2i_ECDSA_SIG(NULL, &der, size);
    made->r = bytes_of(ECDSA_SIG_get0_r(numbers), &made->r_len);
    made->s = bytes_of(ECDSA_SIG_get0_s(numbers), &made->s_len);
    ECDSA_SIG_free(numbers);
  } else {
    made->r_len = size;
    made->r = malloc(size);
    memcpy(made->r, bytes, size);
  }
  *out = made;
  return 0;
}

int sk_load_resident_keys(const char *pin, void **options, void *keys, size_t *count) {
  (void)pin, (void)options, (void)keys, (void)count;
  return UNSUPPORTED;
}
