using Engine.Common;
using Engine.Optim;
using Engine.Tests;
using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

/// <summary>Keys that people bring along from other trainers are answered with what becomes of them here.</summary>
public sealed class UnknownKeyTests : IDisposable
{
    private const string Minimal = "model: m\noutput: o\ndata: {train: t.tsv, text: sentence, label: label}\n";

    /// <summary>
    /// The fields of transformers.TrainingArguments: 4.57's, 5.0's, and those of earlier 4.x that were renamed or removed since.
    /// </summary>
    private const string TrainingArguments =
        """
        output_dir overwrite_output_dir do_train do_eval do_predict eval_strategy evaluation_strategy prediction_loss_only per_device_train_batch_size per_device_eval_batch_size
        per_gpu_train_batch_size per_gpu_eval_batch_size gradient_accumulation_steps eval_accumulation_steps eval_delay torch_empty_cache_steps learning_rate weight_decay adam_beta1
        adam_beta2 adam_epsilon max_grad_norm num_train_epochs max_steps lr_scheduler_type lr_scheduler_kwargs warmup_ratio warmup_steps log_level log_level_replica log_on_each_node
        logging_dir logging_strategy logging_first_step logging_steps logging_nan_inf_filter save_strategy save_steps save_total_limit save_safetensors save_on_each_node save_only_model
        restore_callback_states_from_checkpoint no_cuda use_cpu use_mps_device seed data_seed jit_mode_eval use_ipex bf16 fp16 fp16_opt_level half_precision_backend bf16_full_eval
        fp16_full_eval tf32 local_rank ddp_backend tpu_num_cores tpu_metrics_debug debug dataloader_drop_last eval_steps dataloader_num_workers dataloader_prefetch_factor past_index
        run_name disable_tqdm remove_unused_columns label_names load_best_model_at_end metric_for_best_model greater_is_better ignore_data_skip fsdp fsdp_min_num_params fsdp_config
        fsdp_transformer_layer_cls_to_wrap accelerator_config parallelism_config deepspeed optim optim_args adafactor group_by_length length_column_name report_to
        project trackio_space_id ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers dataloader_pin_memory dataloader_persistent_workers skip_memory_metrics
        use_legacy_prediction_loop push_to_hub resume_from_checkpoint hub_model_id hub_strategy hub_token hub_private_repo hub_always_push hub_revision gradient_checkpointing
        gradient_checkpointing_kwargs include_inputs_for_metrics include_for_metrics eval_do_concat_batches fp16_backend push_to_hub_model_id push_to_hub_organization push_to_hub_token
        mp_parameters auto_find_batch_size full_determinism torchdynamo ray_scope ddp_timeout torch_compile torch_compile_backend torch_compile_mode dispatch_batches split_batches
        include_tokens_per_second include_num_input_tokens_seen neftune_noise_alpha optim_target_modules batch_eval_metrics eval_on_start use_liger_kernel liger_kernel_config
        eval_use_gather_object average_tokens_across_devices enable_jit_checkpoint train_sampling_strategy use_cache xpu_backend sharded_ddp
        """;

    /// <summary>The fields of peft.LoraConfig and what it inherits (PeftConfig), 0.17 to 0.19.</summary>
    private const string LoraConfig =
        """
        r target_modules exclude_modules lora_alpha lora_dropout fan_in_fan_out bias use_rslora modules_to_save init_lora_weights layers_to_transform layers_pattern rank_pattern
        alpha_pattern megatron_config megatron_core trainable_token_indices loftq_config eva_config corda_config lora_ga_config use_dora velora_config alora_invocation_tokens use_qalora
        qalora_group_size monteclora_config layer_replication runtime_config lora_bias target_parameters use_bdlora arrow_config kasa_config ensure_weight_tying task_type peft_type
        auto_mapping peft_version base_model_name_or_path revision inference_mode
        """;

    /// <summary>
    /// What trl.SFTConfig adds to TrainingArguments (0.12 to 0.24), the fields of transformers.BitsAndBytesConfig, and of the example
    /// scripts' model and data arguments.
    /// </summary>
    private const string Others =
        """
        model_init_kwargs router_aux_loss_coef trust_remote_code chat_template_path dataset_text_field dataset_kwargs dataset_num_proc eos_token pad_token max_length max_seq_length
        truncation_mode shuffle_dataset packing packing_strategy padding_free pad_to_multiple_of eval_packing completion_only_loss assistant_only_loss loss_type activation_offloading
        dataset_batch_size use_liger
        load_in_4bit load_in_8bit llm_int8_threshold llm_int8_skip_modules llm_int8_enable_fp32_cpu_offload llm_int8_has_fp16_weight bnb_4bit_compute_dtype bnb_4bit_quant_type
        bnb_4bit_use_double_quant bnb_4bit_quant_storage
        model_name_or_path config_name tokenizer_name cache_dir use_fast_tokenizer model_revision token torch_dtype low_cpu_mem_usage attn_implementation device_map dataset_name
        dataset_config_name overwrite_cache pad_to_max_length max_train_samples max_eval_samples train_file validation_file test_file preprocessing_num_workers mlm_probability
        line_by_line text_column_name label_column_name
        """;

    private static readonly string[] Answers = ["not supported", "no effect here", "it is called '", "it belongs to"];

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Names => [.. new[] { TrainingArguments, LoraConfig, Others }.SelectMany(Split).Distinct()];

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// At the top and below <c>adapter</c>: it is a key there (with a value of the wrong kind, or beside others that do not go with it), or
    /// it is said what becomes of it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Every_key_of_Transformers_PEFT_and_TRL_is_known_or_explained(string name)
    {
        foreach (string section in (string[])["", "adapter."])
        {
            string? message = Fails(section.Length == 0 ? $"{Minimal}{name}: 1\n" : $"{Minimal}adapter:\n  r: 4\n  {name}: 1\n");
            Assert.True(
                message is null || !message.Contains("has no key", StringComparison.Ordinal)
                    || Answers.Any(answer => message.Contains(answer, StringComparison.Ordinal)),
                message);
        }
    }

    [Fact]
    public void No_key_of_the_run_file_is_explained_away_and_every_new_name_is_one()
    {
        string[] own = [.. RunFileReference.Entries.SelectMany(entry => new[] { entry.Name, entry.Name.Split('.')[^1] })];
        Assert.Empty(TransformersKeys.All.Intersect(own));
        Assert.All(TransformersKeys.All.Select(TransformersKeys.NameHere).OfType<string>(), name => Assert.Contains(name, own));
        Assert.Equal(TransformersKeys.All.Count(), TransformersKeys.All.Distinct().Count());
    }

    [Theory]
    [InlineData("report_to: wandb", "run.yaml:4: report_to is 'wandb'; known are csv, tensorboard.")]
    [InlineData("run_name: first", "it is not supported: nothing is sent over a network; the output folder has metrics.jsonl")]
    [InlineData("load_in_4bit: true", "frozen matrices are stored as dtype says")]
    [InlineData("evaluation_strategy: epoch", "it is called 'eval_strategy' here.")]
    [InlineData("dataloader_num_workers: 4", "it has no effect here, so leave it out")]
    [InlineData("optim: adamw_torch", "the optimizer is AdamW")]
    [InlineData("use_rslora: true", "it belongs to another section: write it below 'adapter:', as adapter.use_rslora.")]
    [InlineData("mlm_probability: 0.2", "below 'data:', as data.mlm_probability")]
    [InlineData("adapter.r: 8", "write 'adapter:' and, indented below it, 'r:'")]
    [InlineData("adapter: {learning_rate: 1}", "it belongs to the run file itself: write it at the left margin, not below 'adapter:'")]
    [InlineData(
        "adapter: {bias: none}",
        "adapter has no key 'bias'; 'none' has no effect here, so leave it out; other values are not supported: "
            + "an adapter trains no biases")]
    [InlineData("adapter: {bias: all}", "adapter has no key 'bias'; it is not supported: an adapter trains no biases")]
    [InlineData("load_in_4bit: false", "'false' has no effect here, so leave it out; other values are not supported: frozen matrices")]
    [InlineData("deepspeed: null", "no value has no effect here, so leave it out; other values are not supported: a run uses one device")]
    [InlineData("shuffle_dataset: false", "it is not supported")]
    [InlineData(
        "adapter: {task_type: SEQ_CLS}",
        "it is called 'task' here and stands at the left margin, not below 'adapter:'. Its values are sequence-classification, ")]
    [InlineData("problem_type: regression", "it is called 'task' here. Its values are sequence-classification, ")]
    [InlineData("adapter: {lr: 1}", "it is called 'learning_rate' here and stands at the left margin, not below 'adapter:'.")]
    [InlineData("adapter: {rank: 1}", "it is called 'adapter.r' here.")]
    [InlineData("lr_scheduler_kwargs: {min_lr: 1}", "num_cycles, power, lr_end and timescale")]
    [InlineData("zzzzzzzz: 1", "docs/run-file.md lists the keys")]
    [InlineData("lr_scheduler_kwargs: {zzzzzzzz: 1}", "known are num_cycles, power, lr_end, timescale.")]
    [InlineData("learning_rat: 1", "did you mean 'learning_rate'?")]
    public void A_key_that_is_not_there_is_answered_with_what_to_write(string line, string expected) =>
        Assert.Contains(expected, Fails($"{Minimal}{line}\n"));

    private static string[] Split(string names) => names.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

    private string? Fails(string yaml)
    {
        try
        {
            RunConfiguration.Load(folder.Write("run.yaml", yaml));
            return null;
        }
        catch (ConfigurationException error)
        {
            return error.Message;
        }
    }
}
