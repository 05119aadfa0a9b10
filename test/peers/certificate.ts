import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { program } from "./programs.ts";

/** Makes a certificate for localhost that vouches for itself; gives the paths of it and of its key, in PEM. */
export function makeCertificate(folder: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(folder, "certificate"), join(folder, "key")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync(program("openssl"), ["req", "-x509", ...curve, ...name, "-keyout", key, "-out", certificate], {
    stdio: "ignore",
  });
  return { certificate, key };
}
