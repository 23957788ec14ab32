//! Where NVRTC may be.

use std::path::{Path, PathBuf};

/// How to get an NVRTC for a driver that knows this CUDA, as a command.
pub(super) fn advice((major, minor): (u32, u32)) -> String {
    // From CUDA 13 on the package has no version in its name.
    match major {
        ..=12 => format!("pip install 'nvidia-cuda-nvrtc-cu{major}<={major}.{minor}.999'"),
        _ => format!("pip install 'nvidia-cuda-nvrtc<={major}.{minor}.999'"),
    }
}

/// What a system looks like: this one, or one that a test makes.
pub(super) struct System<'a> {
    pub is_windows: bool,
    /// Where folders begin that no variable names: `/`.
    pub root: &'a Path,
    /// A variable of the environment that is not empty.
    pub variable: &'a dyn Fn(&str) -> Option<PathBuf>,
}

/// Names for the system's loader, then files that are there: of toolkits, then of Python's environments.
pub(super) fn candidates() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let system = System { is_windows: cfg!(windows), root: Path::new("/"), variable: &variable };
    let names = system.names().iter().map(PathBuf::from);
    names.chain(system.files()).collect()
}

impl System<'_> {
    /// What the library is called, newest first.
    fn names(&self) -> &'static [&'static str] {
        match self.is_windows {
            true => &["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"],
            false => &["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"],
        }
    }

    /// All files of such names that are there.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let folders = self.toolkits().into_iter().chain(self.packages());
        let files = folders.flat_map(|folder| self.names().iter().map(move |name| folder.join(name)));
        files.filter(|file| file.is_file()).collect()
    }

    /// Folders of toolkits, and of the library in conda's environment, which is laid out as one.
    fn toolkits(&self) -> Vec<PathBuf> {
        let named = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(self.variable);
        let mut roots: Vec<PathBuf> = named.collect();
        if self.is_windows {
            roots.extend((self.variable)("CONDA_PREFIX").map(|conda| conda.join("Library")));
        } else {
            let local = self.root.join("usr/local");
            roots.extend([local.join("cuda"), self.root.join("opt/cuda")]);
            let is_toolkit = |folder: &PathBuf| name(folder).starts_with("cuda-");
            roots.extend(subfolders(&local).into_iter().rev().filter(is_toolkit));
            roots.extend((self.variable)("CONDA_PREFIX"));
        }
        // CUDA 13 has its libraries for Windows one folder deeper.
        let inside: &[&str] = if self.is_windows { &["bin/x64", "bin"] } else { &["lib64", "lib"] };
        roots.iter().flat_map(|root| inside.iter().map(|folder| root.join(folder))).collect()
    }

    /// Folders of what `pip` has installed: `nvidia/cuda_nvrtc` up to CUDA 12, `nvidia/cu13` from then on.
    fn packages(&self) -> Vec<PathBuf> {
        let inside: &[&str] = if self.is_windows { &["bin/x86_64", "bin"] } else { &["lib"] };
        let sites = self.sites().into_iter();
        let packages = sites.flat_map(|site| subfolders(&site.join("nvidia")).into_iter().rev());
        packages.flat_map(|package| inside.iter().map(move |folder| package.join(folder))).collect()
    }

    /// Folders into which packages are installed: of the environment, of the user, of the system. Debian and Ubuntu have
    /// `dist-packages` in place of `site-packages`.
    fn sites(&self) -> Vec<PathBuf> {
        let environments: Vec<PathBuf> =
            ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(self.variable).collect();
        if self.is_windows {
            let users = (self.variable)("APPDATA").map(|folder| folder.join("Python"));
            let programs = (self.variable)("LOCALAPPDATA").map(|folder| folder.join("Programs/Python"));
            let users = users.iter().flat_map(|folder| subfolders(folder)).map(|python| python.join("site-packages"));
            let programs = programs.iter().flat_map(|folder| subfolders(folder));
            let all = environments.into_iter().chain(programs).map(|python| python.join("Lib/site-packages"));
            return all.chain(users).collect();
        }
        let user = (self.variable)("HOME").map(|home| home.join(".local"));
        let system = ["usr/local", "usr"].map(|folder| self.root.join(folder));
        let pythons = environments.into_iter().chain(user).chain(system).flat_map(|place| {
            let inside = subfolders(&place.join("lib")).into_iter().rev();
            inside.filter(|folder| name(folder).starts_with("python3"))
        });
        pythons.flat_map(|python| ["site-packages", "dist-packages"].map(|packages| python.join(packages))).collect()
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// In the order of their names.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes each of these files below a folder, and returns which of them are found there.
    fn found(is_windows: bool, variables: &[(&str, &str)], files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let variable = |name: &str| {
            let (_, value) = variables.iter().find(|(other, _)| *other == name)?;
            Some(root.path().join(value))
        };
        let system = System { is_windows, root: root.path(), variable: &variable };
        let found = system.files().into_iter();
        found.map(|file| file.strip_prefix(root.path()).unwrap().to_string_lossy().replace('\\', "/")).collect()
    }

    #[test]
    fn all_layouts_of_linux_are_known() {
        let files = [
            "toolkit/lib64/libnvrtc.so.12",
            "usr/local/cuda/lib64/libnvrtc.so",
            "usr/local/cuda-12.8/lib64/libnvrtc.so.12",
            "usr/local/cuda-12.4/lib64/libnvrtc.so.12",
            "conda/lib/libnvrtc.so.12",
            "environment/lib/python3.11/site-packages/nvidia/cu13/lib/libnvrtc.so.13",
            "environment/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "home/.local/lib/python3.10/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "usr/local/lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "usr/local/lib/python3.12/dist-packages/nvidia/cu13/lib/libnvrtc.so.13",
            "usr/lib/python3/dist-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
        ];
        let others = [
            "usr/local/cuda/lib64/libcudart.so.12",
            "usr/lib/python2.7/dist-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "environment/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.12.8",
        ];
        let variables =
            [("CUDA_HOME", "toolkit"), ("CONDA_PREFIX", "conda"), ("VIRTUAL_ENV", "environment"), ("HOME", "home")];
        let mut found = found(false, &variables, &[&files[..], &others].concat());
        assert_eq!(found[0], files[0], "what somebody names comes first");
        let mut expected = files.to_vec();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn all_layouts_of_windows_are_known() {
        let files = [
            "toolkit/bin/x64/nvrtc64_130_0.dll",
            "toolkit/bin/nvrtc64_120_0.dll",
            "conda/Library/bin/nvrtc64_120_0.dll",
            "environment/Lib/site-packages/nvidia/cu13/bin/x86_64/nvrtc64_130_0.dll",
            "environment/Lib/site-packages/nvidia/cuda_nvrtc/bin/nvrtc64_120_0.dll",
            "local/Programs/Python/Python312/Lib/site-packages/nvidia/cu13/bin/x86_64/nvrtc64_130_0.dll",
            "roaming/Python/Python312/site-packages/nvidia/cuda_nvrtc/bin/nvrtc64_120_0.dll",
        ];
        let variables = [
            ("CUDA_PATH", "toolkit"),
            ("CONDA_PREFIX", "conda"),
            ("VIRTUAL_ENV", "environment"),
            ("LOCALAPPDATA", "local"),
            ("APPDATA", "roaming"),
        ];
        let mut found = found(true, &variables, &files);
        let mut expected = files.to_vec();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_advice_names_a_package_that_is_no_newer_than_the_driver() {
        assert_eq!(advice((12, 4)), "pip install 'nvidia-cuda-nvrtc-cu12<=12.4.999'");
        assert_eq!(advice((13, 0)), "pip install 'nvidia-cuda-nvrtc<=13.0.999'");
    }
}
